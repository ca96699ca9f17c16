"""A doctor's working plan: the week as lines of hours, and single days."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any, ClassVar

from babel import dates
from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import problems
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page, staff_of
from backoffice.staff_pages import form_state
from models import User
from services import clock, holidays, shifts
from services.edges import in_transaction
from services.errors import DomainError, ValidationFailed
from services.holidays import HolidayInput
from services.i18n import Lazy, current_locale, gettext
from services.permissions import Permission
from services.shift_inputs import ExceptionInput, ShiftInput
from services.shifts import Plan
from services.working_hours import Stretch

SPAN = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*[-–—]\s*(\d{1,2})(?:[:.](\d{2}))?")
DAYS_SHOWN = 14


class WorkingPlans(Page):
    """The plan of one doctor."""

    name = Lazy("Working plan")
    icon = "ti ti-calendar-time"
    in_menu = False
    needs: ClassVar[Mapping[str, Permission]] = {"list": Permission.PLAN_EDIT}

    @page("/doctors/{pk}/plan")
    async def working_plan(self, request: Request) -> Response:
        """Show it with the next two weeks."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the page with what was typed."""
        key, actor = Call(request, {}).id("pk"), staff_of(request).actor

        async def read(session: AsyncSession) -> dict[str, Any]:
            plan = await shifts.plan(session, actor, key)
            return {
                "user": await session.get_one(User, key),
                "plan": plan,
                "outside": await shifts.outside(session, key),
                "next": _ahead(plan, await clock.today(session)),
            }

        found = await in_transaction(request.app.state.sessions, read)
        state = form_state(call, error)
        if call is None:
            state["values"] = _typed(found["plan"])
        days = [*_weekdays()]
        return await self.render(
            request, "doctors/plan.html", found | state | {"weekdays": days}
        )

    @command("/doctors/{pk}/plan", Permission.PLAN_EDIT, again="form")
    async def set_working_plan(self, session: AsyncSession, call: Call) -> Done:
        """Replace the week."""
        key, seen = call.id("pk"), call.text("seen")
        week = [each for day in range(7) for each in _shifts(call, day)]
        await shifts.set_plan(session, call.actor, week, key, seen)
        await shifts.follow(session, call.actor, call.checked("follows"), key)
        return Done(gettext("The plan is saved."), to=f"/admin/doctors/{key}/plan")

    @command("/doctors/{pk}/plan/days", Permission.PLAN_EDIT, again="form")
    async def set_plan_day(self, session: AsyncSession, call: Call) -> Done:
        """Say what holds on one day."""
        key, day = call.id("pk"), day_in(call)
        spans = _spans(call, "hours")
        if len(spans) > 1:
            raise call.wrong("hours", gettext("One span of hours, please."))
        hours = spans[0] if spans else (None, None)
        what = _made(
            ExceptionInput,
            "hours",
            starts_at=hours[0],
            ends_at=hours[1],
            comment=call.text("comment") or None,
        )
        await shifts.set_exception(session, call.actor, day, what, key)
        return Done(gettext("The day is saved."), to=f"/admin/doctors/{key}/plan")

    @command("/doctors/{pk}/plan/days/remove", Permission.PLAN_EDIT)
    async def remove_plan_day(self, session: AsyncSession, call: Call) -> Done:
        """Let the week hold on this day again."""
        await shifts.remove_exception(session, call.actor, day_in(call), call.id("pk"))
        return Done(gettext("The week holds on this day again."))


class Holidays(Page):
    """The days on which weekly plans rest."""

    name = Lazy("Holidays")
    icon = "ti ti-calendar-star"
    in_menu = False
    needs: ClassVar[Mapping[str, Permission]] = {"list": Permission.HOLIDAY_EDIT}

    @page("/holidays")
    async def holidays(self, request: Request) -> Response:
        """Show those to come."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the list and the form with what was typed."""
        found = await in_transaction(request.app.state.sessions, holidays.upcoming)
        context = form_state(call, error) | {"rows": found}
        return await self.render(request, "doctors/holidays.html", context)

    @command("/holidays", Permission.HOLIDAY_EDIT, again="form")
    async def add_holiday(self, session: AsyncSession, call: Call) -> Done:
        """Add one."""
        new = HolidayInput(day=day_in(call), title=call.words("title", 100))
        await holidays.add(session, call.actor, new)
        return Done(gettext("The holiday is added."), to="/admin/holidays")

    @command("/holidays/{pk}/remove", Permission.HOLIDAY_EDIT)
    async def remove_holiday(self, session: AsyncSession, call: Call) -> Done:
        """Make it an ordinary day."""
        await holidays.remove(session, call.actor, call.id("pk"))
        return Done(gettext("It is an ordinary day again."), to="/admin/holidays")


def day_in(call: Call) -> date:
    """The day of a form."""
    try:
        return date.fromisoformat(call.words("day", 10))
    except ValueError:
        raise call.wrong("day", gettext("This value does not fit.")) from None


def _weekdays() -> Iterator[tuple[str, str]]:
    names = dates.get_day_names("wide", locale=current_locale())
    for day in range(7):
        yield f"day{day}", names[day].capitalize()


def _shifts(call: Call, day: int) -> Iterator[ShiftInput]:
    name = f"day{day}"
    for begins, ends in _spans(call, name):
        yield _made(ShiftInput, name, weekday=day, starts_at=begins, ends_at=ends)


def _made(kind: Any, name: str, **facts: Any) -> Any:
    try:
        return kind(**facts)
    except ValidationError as error:
        found = problems.field_errors(error).facts["errors"]
        message = found[0]["message"]
        raise ValidationFailed(errors=[{"field": name, "message": message}]) from error


def _spans(call: Call, name: str) -> list[tuple[time, time]]:
    """Read «9-17, 20:00–2:00»; 24 is midnight."""
    spans = []
    for part in filter(None, re.split(r"[,;]\s*", call.text(name))):
        match = SPAN.fullmatch(part.strip())
        try:
            numbers = [int(each or 0) for each in match.groups()] if match else []
            if numbers[2] > 24:
                raise ValueError
            begins = time(numbers[0], numbers[1])
            ends = time(numbers[2] % 24, numbers[3])
        except (ValueError, IndexError, TypeError):
            text = gettext("Hours like 9:00–17:00; several with a comma.")
            raise call.wrong(name, text) from None
        spans.append((begins, ends))
    return spans


def hours_text(hours: Stretch | None) -> str:
    """«09:00–17:00»; nothing is a day off."""
    return f"{hours.starts_at:%H:%M}–{hours.ends_at:%H:%M}" if hours else ""


def _typed(plan: Plan) -> dict[str, Any]:
    values: dict[str, Any] = {"seen": plan.mark, "follows": plan.follows}
    for day in range(7):
        week = (each for each in plan.week if each.weekday == day)
        spans = [hours_text(Stretch(each.starts_at, each.minutes)) for each in week]
        values[f"day{day}"] = ", ".join(spans)
    return values


def _ahead(plan: Plan, today: date) -> Sequence[Mapping[str, Any]]:
    """The next two weeks, day by day, as they come out."""
    hours = plan.hours
    special = {each.day: each for each in plan.exceptions}
    resting = {each.day: each.title for each in plan.holidays}
    found = []
    for offset in range(DAYS_SHOWN):
        day = today + timedelta(days=offset)
        row = special.get(day)
        found.append(
            {
                "day": day,
                "hours": ", ".join(map(hours_text, hours.beginning(day))),
                "row": row,
                "comment": (row.comment if row else resting.get(day)) or "",
            }
        )
    return found
