"""What consents and their texts look like."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel

from models import ConsentText
from services.consents import Given
from services.i18n import current_locale


class ConsentAnswer(BaseModel):
    """One consent: which text, when and from where, and whether it still holds."""

    kind: str
    version: str
    text_hash: str | None
    given_at: datetime
    client_address: str | None
    withdrawn_at: datetime | None
    stale: bool

    @classmethod
    def of(cls, given: Given) -> Self:
        consent = given.consent
        return cls(
            kind=consent.kind,
            version=consent.version,
            text_hash=consent.text_hash,
            given_at=consent.created_at,
            client_address=consent.client_address,
            withdrawn_at=consent.withdrawn_at,
            stale=given.stale,
        )


class ConsentList(BaseModel):
    """Every consent of one's own, newest first."""

    items: list[ConsentAnswer]


class ConsentTextAnswer(BaseModel):
    """A text that holds now, in the reader's language; the hash covers both."""

    kind: str
    version: str
    text: str
    text_hash: str
    published_at: datetime

    @classmethod
    def of(cls, text: ConsentText) -> Self:
        return cls(
            kind=text.kind,
            version=text.version,
            text=text.text_ru if current_locale() == "ru" else text.text_en,
            text_hash=text.text_hash,
            published_at=text.created_at,
        )


class ConsentTextList(BaseModel):
    """The texts that hold now."""

    items: list[ConsentTextAnswer]
