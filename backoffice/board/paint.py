"""Draw rows as HTML: the only place that knows how a call or a doctor looks."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from backoffice import formats
from backoffice.board import axis, words
from backoffice.board.shapes import (
    CallFacts,
    CallRow,
    DoctorFacts,
    DoctorRow,
    Facts,
    Sla,
    Snapshot,
)
from models.booking_words import Flag
from services import i18n
from services.clock import MOSCOW
from services.notice_reads import Outage

FOLDER = Path(__file__).parent.parent / "templates"
OLD_POSITION = 300
MARKS = {
    "emergency": "alert-octagon",
    "high": "arrow-up",
    "normal": "minus",
    "low": "arrow-down",
    "later": "clock",
}
STATUS_ICONS = {
    "assigned": "hourglass",
    "accepted": "check",
    "en_route": "car",
    "in_progress": "home-heart",
    "completed": "checks",
    "cancelled": "x",
}
TIMER_CSS = {"ok": "g", "soon": "y", "broken": "r", "later": "w"}
TIMER_ICONS = {"soon": "clock", "broken": "alert-triangle"}
DOCTOR_ICONS = {
    "free": "check",
    "wait": "hourglass",
    "road": "car",
    "visit": "home-heart",
    "over": "alert-triangle",
    "late": "alert-triangle",
    "off": "zzz",
    "block": "ban",
}
BAR_CSS = {
    "completed": "done",
    "assigned": "assigned",
    "accepted": "accepted",
    "en_route": "road",
    "in_progress": "visit",
}


@cache
def environment() -> Environment:
    """The templates of fragments; pages go through the console's own."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(_=i18n.gettext, ngettext=i18n.ngettext, clock=clock)
    made.filters.update(formats.FILTERS)
    return made


@cache
def _rows() -> Any:
    return environment().get_template("board/rows.html").module


def fragment(template: str, **context: Any) -> str:
    """Draw a small template in the language of the request."""
    return environment().get_template(f"board/{template}").render(context)


def clock(moment: int) -> str:
    """Time of day in Moscow."""
    return f"{datetime.fromtimestamp(moment, MOSCOW):%H:%M}"


def group(call: CallFacts) -> str:
    """The heading a call stands under; emergencies never wait for later."""
    if call["priority"] != "emergency" and call["sla"]["starts_at"] > call["at"]:
        return "later"
    return call["priority"]


def sla_state(sla: Sla, at: int) -> str:
    """How the deadline stands at a moment; the page counts the same."""
    if at >= sla["red_at"]:
        return "broken"
    if at >= sla["warn_at"]:
        return "soon"
    return "ok" if at >= sla["starts_at"] else "later"


def timer(call: CallFacts) -> dict[str, str | None]:
    """The timer of a waiting call, or the badge of one that waits no more."""
    status, sla = call["status"], call["sla"]
    if status != "pending":
        badge = words.badge(status)
        return {"css": "w", "icon": STATUS_ICONS[status], "text": badge}
    state = sla_state(sla, call["at"])
    text = words.span(call["at"] - sla["starts_at"])
    if state == "later":
        text = i18n.gettext("from {at}", at=clock(sla["starts_at"]))
    elif call["type"] == "scheduled":
        text = i18n.gettext("until {at}", at=clock(sla["red_at"]))
    return {
        "css": TIMER_CSS[state],
        "icon": TIMER_ICONS.get(state),
        "text": text,
    }


def _window(call: CallFacts) -> str | None:
    starts, ends = call["wanted_from"], call["wanted_to"]
    if starts is None:
        return None
    return clock(starts) if ends is None else f"{clock(starts)}–{clock(ends)}"


def call_html(call: CallFacts) -> str:
    """Draw a row of the queue."""
    shown = group(call)
    mark = timer(call)
    age = None if call["age"] is None else words.years(call["age"])
    bits = [each for each in (age, call["district"]) if each]
    spec = words.specialization(call["spec"])
    view = {
        **call,
        "group": shown,
        "group_name": words.group(shown),
        "mark": MARKS[shown],
        "timer": mark,
        "spec_name": spec,
        "bits": bits,
        "window": _window(call),
        "flags": ", ".join(words.flag(each) for each in call["flags"]),
        "unread_words": words.counted("unread", call["unread"]),
    }
    return str(_rows().call(view))


def call_row(call: CallFacts) -> CallRow:
    """Make the row of a call as it is sent."""
    kept = CallRow.__annotations__.keys() - {"html", "danger"}
    facts: dict[str, Any] = {key: call[key] for key in kept}  # type: ignore[literal-required]
    danger = Flag.DOCTOR_IN_DANGER in call["flags"]
    return {**facts, "danger": danger, "html": call_html(call)}  # type: ignore[typeddict-item]


def _columns(piece: axis.Cut | None) -> str | None:
    if piece is None:
        return None
    cuts = f"{' cut-l' if piece.left else ''}{' cut-r' if piece.right else ''}"
    return f"s{piece.start} w{piece.width}{cuts}"


def _span(span: axis.Span, origin: int, licence_until: int) -> dict[str, Any]:
    visit = span.visit
    trip, bar = axis.columns(span.leave, span.arrive, span.end, origin)
    over = span.over >= 60
    # A visit that the papers do not reach is as red as one that comes late.
    unfit = visit["ended"] is None and span.arrive >= licence_until
    red = unfit or bool(span.late)
    mates = f" +{len(span.mates)}" if span.mates else ""
    return {
        "call": visit["call"],
        "css": BAR_CSS[visit["status"]],
        "marks": f"{' over' if over else ''}{' risk' if red else ''}",
        "trip": _columns(trip) if trip else None,
        "bar": _columns(bar),
        "red": red,
        "name": f"{visit['number']}{mates}",
        "words": words.bar(
            visit, clock(span.leave), clock(span.arrive), clock(span.end), unfit=unfit
        ),
    }


def _off(doctor: DoctorFacts, origin: int) -> list[str]:
    """Hatch what lies outside the work: the past by the duty, what comes by the plan."""
    pieces = (
        axis.cut(
            (begins - origin + axis.STEP // 2) // axis.STEP,
            (ends - origin + axis.STEP // 2) // axis.STEP,
        )
        for begins, ends in axis.idle(doctor, origin, origin + axis.SPAN)
    )
    return [text for piece in pieces if (text := _columns(piece))]


def doctor_row(doctor: DoctorFacts, day: int) -> DoctorRow:
    """Draw a doctor and make the row as it is sent."""
    at = doctor["at"]
    origin = axis.window_start(at, day)
    spans = axis.timeline(doctor["visits"], at)
    doing = axis.doing(doctor, spans, at)
    view = {
        "id": doctor["id"],
        "name": doctor["name"],
        "kind": doing.kind,
        "icon": DOCTOR_ICONS[doing.kind],
        "now_text": words.doing(
            doing, blocked=doctor["blocked"], feminine=doctor["feminine"], clock=clock
        ),
        "since": doing.at if doing.kind == "wait" else None,
        "short": words.short_specialization(doctor["specs"][0]),
        "specs_text": ", ".join(words.specialization(each) for each in doctor["specs"]),
        "old": _old_position(doctor),
        "off": _off(doctor, origin),
        "spans": [_span(span, origin, doctor["licence_until"]) for span in spans],
    }
    return {
        "id": doctor["id"],
        "seq": doctor["seq"],
        "at": at,
        "name": doctor["name"],
        "initials": doctor["initials"],
        "specs": doctor["specs"],
        "duty": doctor["on_duty"],
        "kind": doing.kind,
        "calls": [visit["call"] for visit in doctor["visits"]],
        "lat": doctor["lat"],
        "lon": doctor["lon"],
        "html": str(_rows().doctor(view)),
    }


def _old_position(doctor: DoctorFacts) -> str | None:
    seen = doctor["position_at"]
    if not doctor["on_duty"] or seen is None or doctor["at"] - seen < OLD_POSITION:
        return None
    return words.position_old((doctor["at"] - seen) // 60)


def ghost(plan: tuple[int, int, int], origin: int, text: str) -> str:
    """Draw where a visit would stand on a doctor's row: leave, arrive, end."""
    trip, bar = axis.columns(*plan, origin)
    pieces = {"trip": _columns(trip), "bar": _columns(bar), "text": text}
    return str(_rows().ghost(pieces))


def hours(origin: int) -> str:
    """Draw the marks of the axis; those of half hours show when zoomed in."""
    first = datetime.fromtimestamp(origin, MOSCOW)
    marks = []
    for half in range(axis.SPAN // 1800):
        moment = first + timedelta(minutes=30 * half)
        marks.append(
            {
                "step": half * 6,
                "half": bool(half % 2),
                "text": f"{moment:%H:%M}" if half % 2 else f"{moment:%H}",
            }
        )
    return str(_rows().axis(marks))


def snapshot(facts: Facts) -> Snapshot:
    """Draw everything."""
    origin = axis.window_start(facts["now"], facts["day"])
    return {
        "now": facts["now"],
        "seq": facts["seq"],
        "day": facts["day"],
        "origin": origin,
        "axis": hours(origin),
        "calls": [call_row(each) for each in facts["calls"]],
        "doctors": [doctor_row(each, facts["day"]) for each in facts["doctors"]],
        "watchers": facts["watchers"],
        "counts": facts["counts"],
        "outages": outages(facts["outages"]),
    }


def outages(found: Iterable[Outage]) -> list[str]:
    """Say which channels are shut, since when and how much waits for them."""
    return [
        words.outage(each.channel, clock(int(each.since.timestamp())), each.waiting)
        for each in found
    ]
