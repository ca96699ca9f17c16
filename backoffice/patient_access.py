"""Who saw a patient: a report for the patient's own question and for the law's."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import ClassVar

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import formats
from backoffice.command_calls import Call
from backoffice.pages import Page, page, staff_of
from models import User
from services import clock, csv_export, patient_access
from services.actor import Via
from services.clock import MOSCOW
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.patient_access import Reading
from services.permissions import Permission
from services.words import label

DAYS = 90
Found = tuple[User, Sequence[Reading], tuple[date, date]]
GROUPS: Mapping[str, str] = {
    "card": Lazy("Call card"),
    "patient": Lazy("Patient's profile"),
    "document": Lazy("Document"),
    "application": Lazy("Doctor's application"),
    "profile_change": Lazy("Change of a doctor's profile"),
    "access": Lazy("This report"),
}


class PatientAccess(Page):
    """The journal of sensitive reads, for one patient."""

    name = Lazy("Who saw this patient")
    icon = "ti ti-eye"
    in_menu = False
    needs: ClassVar[Mapping[str, Permission]] = {"list": Permission.JOURNAL_READ}

    @page("/users/{pk}/access")
    async def patient_access(self, request: Request) -> Response:
        """Show it as a table."""
        patient, rows, days = await self._found(request)
        context = {
            "patient": patient,
            "lines": [_cells(each) for each in rows],
            "since": days[0],
            "until": days[1],
            "most": len(rows) == patient_access.MOST,
        }
        return await self.render(request, "users/access.html", context)

    @page("/users/{pk}/access.csv")
    async def patient_access_file(self, request: Request) -> Response:
        """Give it as a file for a spreadsheet."""
        patient, rows, days = await self._found(request)
        header = [
            gettext(word)
            for word in ("When (Moscow)", "Who", "As", "What", "Call number")
        ]
        text = csv_export.table(header, [_cells(each) for each in rows])
        name = f"access-{str(patient.id)[-8:]}-{days[0]}-{days[1]}.csv"
        return Response(
            text,
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    async def _found(self, request: Request) -> Found:
        key, actor = Call(request, {}).id("pk"), staff_of(request).actor

        async def read(session: AsyncSession) -> Found:
            today = (await clock.now(session)).astimezone(MOSCOW).date()
            days = _days(request.query_params, today)
            since, until = (datetime.combine(each, time(), MOSCOW) for each in days)
            patient, rows = await patient_access.report(
                session, actor, key, since, until + timedelta(days=1)
            )
            return patient, rows, days

        return await in_transaction(request.app.state.sessions, read)


def _days(asked: Mapping[str, str], today: date) -> tuple[date, date]:
    """The days asked for, or the last ninety; what makes no sense is left out."""
    until = _day(asked.get("until")) or today
    return _day(asked.get("since")) or until - timedelta(days=DAYS), until


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if 2000 < found.year < 3000 else None


def _cells(reading: Reading) -> Sequence[str]:
    role = label(reading.role) if reading.role else ""
    group = GROUPS.get(reading.group)
    return (
        formats.full_moment(reading.at),
        reading.reader.full_name if reading.reader else gettext("System"),
        ", ".join(filter(None, (role, label(Via(reading.via))))),
        gettext(str.__str__(group)) if group else reading.group,
        reading.number or "",
    )
