"""What one's wishes about messages look like."""

from datetime import time
from typing import Self

from pydantic import BaseModel

from models.notification import NotificationChannel
from services.notification_preferences import KindLine, Preferences


class KindAnswer(BaseModel):
    """One kind of message; `channels` are tried in this order, none is silence."""

    kind: str
    title: str
    channels: list[NotificationChannel]
    mandatory: bool
    urgent: bool

    @classmethod
    def of(cls, line: KindLine) -> Self:
        return cls(
            kind=line.kind,
            title=line.title,
            channels=list(line.channels),
            mandatory=line.text.mandatory,
            urgent=line.text.urgent,
        )


class PreferencesAnswer(BaseModel):
    """Every kind that may concern one, and the quiet hours of Moscow time."""

    kinds: list[KindAnswer]
    quiet_from: time
    quiet_to: time

    @classmethod
    def of(cls, found: Preferences) -> Self:
        return cls(
            kinds=[KindAnswer.of(each) for each in found.kinds],
            quiet_from=found.quiet_from,
            quiet_to=found.quiet_to,
        )
