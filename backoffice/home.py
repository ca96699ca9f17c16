"""The first page: today in figures, as far as the role may see them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from backoffice import formats
from backoffice.money_queues import TABS as QUEUES
from backoffice.pages import staff_of
from models.booking import Status
from services import figures, money_figures, money_queues, recon_reads, stale
from services.edges import in_transaction
from services.i18n import gettext, ngettext
from services.permissions import Permission, may
from services.staff_sessions import Staff
from services.words import label


@dataclass(frozen=True)
class Tile:
    """One figure with its words, and the list behind it."""

    value: str
    words: str
    to: str | None = None
    kind: str = ""


async def _calls(session: AsyncSession) -> Sequence[Tile]:
    counts = await figures.calls(session)
    today = {
        Status.COMPLETED: gettext("Completed today"),
        Status.CANCELLED: gettext("Cancelled today"),
    }
    return [
        Tile(
            str(counts[status]),
            today.get(status, label(status)),
            f"/admin/calls/list?status={status.value}",
            "is-warn" if status is Status.PENDING and counts[status] else "",
        )
        for status in Status
    ]


async def _money(session: AsyncSession) -> Sequence[Tile]:
    counts = await figures.calls(session)
    here = "/admin/calls-finance/list"
    done = str(counts[Status.COMPLETED])
    dropped = str(counts[Status.CANCELLED])
    quoted = formats.roubles(await figures.quoted_today(session))
    taken = str(await figures.taken_today(session))
    return [
        Tile(quoted, gettext("Quoted for today's completed visits"), here),
        Tile(taken, gettext("Calls taken today"), here),
        Tile(done, gettext("Completed today"), f"{here}?status=completed"),
        Tile(dropped, gettext("Cancelled today"), f"{here}?status=cancelled"),
    ]


async def _desk(session: AsyncSession) -> Sequence[Tile]:
    counts = await money_queues.counts(session)
    today = await money_figures.today(session)
    here = "/admin/payments/list"
    waiting = [
        Tile(str(counts[name]), str(words), path, "is-warn" if counts[name] else "")
        for name, (path, words) in QUEUES.items()
    ]
    return [
        *waiting,
        Tile(formats.roubles(today["paid"]), gettext("Paid today"), here),
        Tile(formats.roubles(today["refunded"]), gettext("Given back today"), here),
    ]


async def _doctors(session: AsyncSession) -> Sequence[Tile]:
    counts = await figures.doctors(session)
    here = "/admin/doctors/list"
    ending = "is-warn" if counts["ending"] else ""
    return [
        Tile(str(counts["all"]), gettext("Doctors"), here),
        Tile(str(counts["on_duty"]), gettext("On duty"), f"{here}?state=duty"),
        Tile(
            str(counts["ending"]),
            gettext("Documents ended or ending within 30 days"),
            f"{here}?state=ending",
            ending,
        ),
    ]


async def _applications(session: AsyncSession) -> Sequence[Tile]:
    counts = await figures.applications(session)
    waiting, changes = counts["applications"], counts["changes"]
    here = "/admin/applications"
    return [
        Tile(
            str(waiting),
            gettext("Waiting applications"),
            here,
            "is-warn" if waiting else "",
        ),
        Tile(str(counts["days"]), gettext("Waiting longest, days"), here),
        Tile(
            str(changes),
            gettext("Waiting changes of profiles"),
            "/admin/profile-changes",
            "is-warn" if changes else "",
        ),
        *_papers(counts["papers"], counts["papers_days"]),
    ]


def _papers(count: int, days: int) -> Iterator[Tile]:
    """New papers of doctors who are aboard; without them there is no age to tell."""
    here, kind = "/admin/papers", "is-warn" if count else ""
    yield Tile(str(count), gettext("Papers to check"), here, kind)
    if count:
        yield Tile(str(days), gettext("Papers wait longest, days"), here)


async def _clinics(session: AsyncSession) -> Sequence[Tile]:
    count = await figures.clinics(session)
    return [Tile(str(count), gettext("Clinics"), "/admin/clinics/list?active=yes")]


async def _people(session: AsyncSession) -> Sequence[Tile]:
    counts = await figures.people(session)
    here = "/admin/users/list"
    return [
        Tile(str(counts["staff"]), gettext("Members of staff"), here),
        Tile(
            str(counts["blocked"]),
            gettext("Blocked accounts"),
            f"{here}?state=blocked",
        ),
    ]


async def _alert(session: AsyncSession, staff: Staff) -> str | None:
    """Say how much does not add up, to whoever has to look into it."""
    if not may(staff.role, Permission.RECON_READ):
        return None
    found = await recon_reads.waiting(session, staff.actor)
    if found.oldest is None:
        return None
    seconds = (found.now - found.oldest).total_seconds()
    return ngettext(
        "{count} finding waits, it came {ago}",
        "{count} findings wait, the oldest came {ago}",
        found.count,
        ago=stale.time_ago(int(seconds)),
    )


Figures = Callable[[AsyncSession], Awaitable[Sequence[Tile]]]
SECTIONS: Mapping[Permission, tuple[str, Figures]] = {
    Permission.BOOKING_READ: ("Calls", _calls),
    Permission.PAYMENT_READ: ("Money", _desk),
    Permission.BOOKING_FINANCE_READ: ("Calls and prices", _money),
    Permission.APPLICATION_REVIEW: ("Applications", _applications),
    Permission.DOCTOR_READ: ("Doctors", _doctors),
    Permission.CLINIC_READ: ("Clinics", _clinics),
    Permission.USER_READ: ("Users and staff", _people),
}


async def home_context(request: Request) -> dict[str, Any]:
    """Gather what the role of this request may see, in one transaction."""
    staff = staff_of(request)

    async def gather(session: AsyncSession) -> dict[str, Any]:
        sections = [
            (gettext(title), await read(session))
            for permission, (title, read) in SECTIONS.items()
            if may(staff.role, permission)
        ]
        return {"sections": sections, "alert": await _alert(session, staff)}

    gathered = await in_transaction(request.app.state.sessions, gather)
    return {"staff": staff, **gathered}
