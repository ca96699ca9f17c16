"""What the board's page needs besides its rows: boot data, legend, links, keys."""

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from babel import dates
from markupsafe import Markup
from starlette.requests import Request

from backoffice import assets, cells
from backoffice.board import axis, city, paint, words
from backoffice.board.shapes import CallRow, Snapshot
from backoffice.pages import staff_of
from models.booking import Status
from models.payment import PaymentState
from models.specialization import Specialization
from services.clock import MOSCOW
from services.i18n import current_locale, gettext
from services.words import label

BASE, CARDS = "/admin/board", "/admin/booking/"
LINKS = {"new_call": "/admin/calls/new", "bookings": "/admin/calls/list"}
ON_BOARD = frozenset(Status) - {Status.COMPLETED, Status.CANCELLED}


@cache
def modules() -> tuple[str, ...]:
    """The scripts of the page, to be fetched all at once."""
    names = sorted(path.name for path in (assets.STATIC / "board").glob("*.js"))
    return tuple(name for name in names if name != "worker.js")


def context(request: Request, snapshot: Snapshot) -> dict[str, Any]:
    """Gather everything for the template."""
    waiting = [row for row in snapshot["calls"] if row["status"] == "pending"]
    broken = [row for row in waiting if snapshot["now"] >= row["sla"]["red_at"]]
    doctors = snapshot["doctors"]
    duty = [row for row in doctors if row["duty"]]
    origin = snapshot["origin"]
    return {
        "boot": _boot(request, snapshot),
        "modules": modules(),
        "scripts": assets.folder(),
        "links": LINKS,
        "queue": Markup(_queue(waiting, snapshot["now"])),  # noqa: S704 - drawn escaped
        "doctors": Markup("".join(row["html"] for row in doctors)),  # noqa: S704 - same
        "axis": Markup(snapshot["axis"]),  # noqa: S704 - drawn escaped
        "axis_range": f"{paint.clock(origin)[:2]}–{paint.clock(origin + axis.SPAN)[:2]}",
        "waiting": len(waiting),
        "broken": len(broken),
        "doctors_count": len(doctors),
        "said": {
            "overdue": words.counted("overdue", len(broken)),
            "doctors": " · ".join(
                (
                    words.counted("on_shift", len(duty)),
                    words.counted("free", sum(row["kind"] == "free" for row in duty)),
                )
            ),
        },
        "selected": bool(waiting),
        "outages": snapshot["outages"],
        "legend": _legend(snapshot),
        "clock": paint.clock(snapshot["now"]),
        "days": _days(snapshot),
        "city": city.drawing(),
        "specializations": sorted(
            ((each.value, label(each)) for each in Specialization),
            key=lambda pair: pair[1],
        ),
        "keys": _keys(),
    }


def side(row: CallRow, ranking: dict[str, Any]) -> dict[str, Any]:
    """The panel of one call, without what only an opened card may show."""
    return {
        "title": f"B-{row['number']}",
        "facts": Markup(_brief(row)),  # noqa: S704 - drawn escaped
        "count": len(ranking["items"]),
        "candidates": Markup(ranking["html"]),  # noqa: S704 - drawn escaped
        "refused": Markup(ranking["refused"]),  # noqa: S704 - drawn escaped
    }


def _brief(row: CallRow) -> str:
    payment = cells.payment(PaymentState(row["payment"]))
    link = CARDS + row["id"]
    return paint.fragment("brief.html", row=row, card=link, payment=payment)


def _boot(request: Request, snapshot: Snapshot) -> dict[str, Any]:
    today = datetime.fromtimestamp(snapshot["now"], MOSCOW)
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    staff = staff_of(request)
    return {
        "lang": current_locale(),
        "now": snapshot["now"],
        "base": BASE,
        "assets": f"{assets.folder()}/board",
        "login": "/admin/login",
        "card": CARDS,
        "me": str(staff.user_id),
        "title": f"{gettext('Board')} · TOT",
        "today": int(midnight.timestamp()),
        "day": snapshot["day"],
        "origin": snapshot["origin"],
        "counts": snapshot["counts"],
        "places": city.PLACES,
        "tiles": request.app.state.settings.tile_url,
        "theme": staff.theme,
        "words": words.script(),
    }


def _queue(rows: list[CallRow], now: int) -> str:
    """Put the rows under their headings, as the script will."""
    groups: dict[str, list[CallRow]] = {name: [] for name in paint.MARKS}
    for row in rows:
        later = row["priority"] != "emergency" and row["sla"]["starts_at"] > now
        groups["later" if later else row["priority"]].append(row)
    parts: list[str] = []
    for name, members in groups.items():
        if not members:
            continue
        members.sort(
            key=lambda row: (row["sla"]["red_at"], row["created"], row["number"])
        )
        head = Markup(
            '<div class="qg" role="presentation"><span>{}</span><b>{}</b></div>'
        )
        parts.append(head.format(words.group(name), len(members)))
        parts += [row["html"] for row in members]
    return "".join(parts)


def _legend(snapshot: Snapshot) -> list[dict[str, Any]]:
    counts = snapshot["counts"]
    closed = {"completed": counts["completed"], "cancelled": counts["cancelled"]}
    return [
        {
            "status": status.value,
            "name": label(status),
            "icon": paint.STATUS_ICONS.get(status.value)
            if status != "cancelled"
            else None,
            "filter": status in ON_BOARD,
            "count": closed.get(
                status.value,
                sum(row["status"] == status.value for row in snapshot["calls"]),
            ),
        }
        for status in Status
    ]


def _days(snapshot: Snapshot) -> dict[str, str]:
    shown = datetime.fromtimestamp(snapshot["day"], MOSCOW).date()
    today = datetime.fromtimestamp(snapshot["now"], MOSCOW).date()

    def link(day: date) -> str:
        return BASE if day == today else f"{BASE}?day={day.isoformat()}"

    pattern = "EEEEEE, d MMMM" if current_locale() == "ru" else "EEE, MMM d"
    name = dates.format_date(shown, pattern, locale=current_locale())
    return {
        "before": link(shown - timedelta(days=1)),
        "after": link(shown + timedelta(days=1)),
        "today": BASE,
        "name": name[0].upper() + name[1:],
    }


def _keys() -> list[tuple[tuple[str, ...], str]]:
    return [
        (("↑ ↓",), gettext("select a call")),
        (("1 … 9",), gettext("assign the n-th candidate")),
        (("Shift 1 … 9",), gettext("show the candidate on the axis and the map")),
        (("Enter",), gettext("open the card of the call")),
        (("C",), gettext("chat of the call")),
        (("U",), gettext("undo the last own command")),
        (("N",), gettext("new call by phone")),
        (("X",), gettext("cancel the call, with a reason")),
        (("G",), gettext("next overdue call")),
        (("/",), gettext("search")),
        (("F",), gettext("filters")),
        (("K",), gettext("candidates first")),
        (("R",), gettext("refresh the order, retry the link")),
        (("Z",), gettext("time scale")),
        (("V",), gettext("map on or off")),
        (("M",), gettext("sound on or off")),
        (("Esc",), gettext("close the top layer, then leave the field")),
    ]
