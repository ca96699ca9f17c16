"""What one's wishes about messages look like."""

from datetime import time
from typing import Annotated, Self

from pydantic import BaseModel, WithJsonSchema

from models.notification import NotificationChannel
from services.notification_preferences import KindLine, Preferences

# JSON Schema's own format "time" demands an offset; these are hours of Moscow.
OfMoscow = Annotated[
    time, WithJsonSchema({"type": "string", "pattern": r"^\d\d:\d\d:\d\d$"})
]


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
    quiet_from: OfMoscow
    quiet_to: OfMoscow

    @classmethod
    def of(cls, found: Preferences) -> Self:
        return cls(
            kinds=[KindAnswer.of(each) for each in found.kinds],
            quiet_from=found.quiet_from,
            quiet_to=found.quiet_to,
        )
