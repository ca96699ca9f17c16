"""A doctor's working plan over REST; hours are of Moscow."""

from datetime import date, time
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from models import Shift, ShiftException
from services import shifts
from services.inputs import Input
from services.shift_inputs import ShiftInput
from services.shifts import MOST_SHIFTS, Plan
from services.working_hours import Stretch


class PlanBody(Input):
    """The whole week; `duty_by_plan` lets it begin and end the duty."""

    week: Annotated[list[ShiftInput], Field(max_length=MOST_SHIFTS)]
    duty_by_plan: Annotated[bool, Field(strict=True)]


class ShiftAnswer(BaseModel):
    """One shift of every week; `weekday` 0 is Monday."""

    weekday: int
    starts_at: time
    ends_at: time

    @classmethod
    def of(cls, row: Shift) -> Self:
        hours = Stretch(row.starts_at, row.minutes)
        return cls(
            weekday=row.weekday, starts_at=hours.starts_at, ends_at=hours.ends_at
        )


class DayAnswer(BaseModel):
    """What holds on one day; no hours is a day off."""

    day: date
    starts_at: time | None
    ends_at: time | None
    comment: str | None

    @classmethod
    def of(cls, row: ShiftException) -> Self:
        hours = shifts.stretch_on(row)
        return cls(
            day=row.day,
            starts_at=hours and hours.starts_at,
            ends_at=hours and hours.ends_at,
            comment=row.comment,
        )


class HolidayAnswer(BaseModel):
    """A day on which the week does not hold."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    title: str


class PlanAnswer(BaseModel):
    """The plan from today on."""

    week: list[ShiftAnswer]
    duty_by_plan: bool
    days: list[DayAnswer]
    holidays: list[HolidayAnswer]

    @classmethod
    def of(cls, plan: Plan) -> Self:
        return cls(
            week=[ShiftAnswer.of(each) for each in plan.week],
            duty_by_plan=plan.follows,
            days=[DayAnswer.of(each) for each in plan.exceptions],
            holidays=[HolidayAnswer.model_validate(each) for each in plan.holidays],
        )
