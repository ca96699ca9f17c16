"""What people say about working hours: shifts of a week, hours of a single day."""

from datetime import time
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from models.shift import LONGEST_MINUTES
from services.i18n import gettext
from services.inputs import Input, Line
from services.working_hours import Stretch


class ShiftInput(Input):
    """One shift of every week; one that ends no later than it begins is a night's."""

    weekday: Annotated[int, Field(strict=True, ge=0, le=6)]
    starts_at: time
    ends_at: time

    @model_validator(mode="after")
    def _whole_minutes(self) -> Self:
        demand_minutes(self.starts_at, self.ends_at)
        return self

    @property
    def stretch(self) -> Stretch:
        """The hours of the shift."""
        return stretch_of(self.starts_at, self.ends_at)


class ExceptionInput(Input):
    """What holds on one day: these hours, or a day off where there are none."""

    starts_at: time | None = None
    ends_at: time | None = None
    comment: Annotated[Line, StringConstraints(max_length=200)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.starts_at is None) != (self.ends_at is None):
            raise ValueError(gettext("A beginning and an end go together"))
        if self.starts_at and self.ends_at:
            demand_minutes(self.starts_at, self.ends_at)
        return self

    @property
    def stretch(self) -> Stretch | None:
        """The hours of the day; None is a day off."""
        if self.starts_at is None or self.ends_at is None:
            return None
        return stretch_of(self.starts_at, self.ends_at)


def demand_minutes(*times: time) -> None:
    """Refuse seconds and time zones."""
    if any(each.second or each.microsecond or each.tzinfo for each in times):
        raise ValueError(gettext("Hours and minutes only, Moscow time"))


def stretch_of(starts_at: time, ends_at: time) -> Stretch:
    """The hours from one time of day to the next other one; twice the same is a day."""
    minutes = (ends_at.hour - starts_at.hour) * 60 + ends_at.minute - starts_at.minute
    return Stretch(starts_at, minutes if minutes > 0 else minutes + LONGEST_MINUTES)
