"""The export of one's own data, and the word that an erasure asks for."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel

from api.schemas.accounts import UserAnswer
from api.schemas.bookings import BookingAnswer, EventAnswer
from api.schemas.consents import ConsentAnswer
from services.accounts import Password
from services.export import Export, OwnCall
from services.inputs import Input


class ErasureBody(Input):
    """The present password: nobody erases an account by a stolen token alone."""

    current_password: Password


class ExportedCall(BaseModel):
    """A call and its history."""

    booking: BookingAnswer
    history: list[EventAnswer]

    @classmethod
    def of(cls, call: OwnCall) -> Self:
        history = [EventAnswer.of(event) for event in call.events]
        return cls(booking=BookingAnswer.of(call.view), history=history)


class ExportAnswer(BaseModel):
    """Everything about one person; `data` holds the rows of each subject."""

    account: UserAnswer
    bookings: list[ExportedCall]
    consents: list[ConsentAnswer]
    data: Mapping[str, Sequence[dict[str, Any]]]

    @classmethod
    def of(cls, export: Export) -> Self:
        return cls(
            account=UserAnswer.of(export.card),
            bookings=[ExportedCall.of(call) for call in export.calls],
            consents=[ConsentAnswer.of(given) for given in export.consents],
            data=export.tables,
        )
