"""The booking card: everything about one call, and what may be done with it now."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice import booking_changes, booking_history, call_words, card_talk
from backoffice.booking_commands import BookingCommands, card_path
from backoffice.command_calls import Call
from backoffice.commands import Done, command, sentence
from backoffice.new_call_form import Typed
from backoffice.pages import Page, page, staff_of
from models import Booking
from models.booking import Status, Verb
from models.booking_words import CancelReason, Flag, Priority
from models.specialization import Specialization
from services import booking_card, clock, presence, sla
from services.actor import Actor
from services.booking_card import Card, Turn
from services.candidates import Candidates, candidates
from services.edges import in_transaction
from services.errors import DomainError, NotFound, StaleVersion, Unavailable
from services.i18n import Lazy, gettext
from services.permissions import Permission

# In the order in which a call goes, then the rest.
STEPS = (Verb.ACCEPT, Verb.DEPART, Verb.START, Verb.COMPLETE)
OTHERS = (
    Verb.REPLAN,
    Verb.UNASSIGN,
    Verb.FLAG,
    Verb.JOIN,
    Verb.EDIT,
    Verb.HAND_TO_CLINIC,
    Verb.TAKE_BACK,
    Verb.CANCEL,
)
# What a refused command may have held that nobody wants to type again.
FREE_TEXTS = ("words", "comment", "reason", "conclusion", "symptoms", "notes")


@dataclass(frozen=True)
class Refusal:
    """A command that was refused: drawn again with what was typed."""

    verb: str
    typed: Typed
    error: DomainError
    texts: list[str] = field(default_factory=list)

    @property
    def stale(self) -> bool:
        """Somebody else was faster."""
        return isinstance(self.error, StaleVersion)


class BookingCard(BookingCommands, Page):
    """One call on one page; opening it is a journalled reading."""

    name = Lazy("Call card")
    icon = "ti ti-file-text"
    needs = {"list": Permission.BOOKING_READ}
    in_menu = False

    @page("/booking/{pk}")
    async def card(self, request: Request) -> Response:
        """Show the card; `?doctor=` also looks a doctor up by name."""
        return await self._draw(request, _id(request.path_params["pk"]))

    @page("/booking/{pk}/{verb}")
    async def back_to_card(self, request: Request) -> Response:
        """Whoever reloads the answer to a refused command comes to the card."""
        return RedirectResponse(f"/admin/booking/{_id(request.path_params['pk'])}", 303)

    @command("/booking/{pk}/presence", Permission.BOARD_USE)
    async def heartbeat(self, session: AsyncSession, call: Call) -> Done:
        """Say that the card is open; hear who else has it and which version holds."""
        booking_id, actor = call.id("pk"), call.actor
        if call.checked("leaving"):
            await presence.leave(session, actor)
            return Done("")
        booking = await session.get(Booking, booking_id)
        if booking is None:
            raise NotFound
        await presence.watch(session, actor, booking_id)
        watchers = await presence.watchers_of(session, booking_id)
        return Done(
            "",
            data={
                "version": booking.version,
                "watching": [
                    watching(each) for each in watchers if each.user_id != actor.user_id
                ],
            },
        )

    async def again(self, request: Request, call: Call, error: DomainError) -> Response:
        """Show the call as it is now, with the refused form as it was typed."""
        if isinstance(error, Unavailable):
            raise error
        found = error.facts.get("errors", [])
        errors = {each["field"]: each["message"] for each in found}
        refusal = Refusal(
            request.url.path.rsplit("/", 1)[-1],
            Typed(call.fields, errors, sentence(error)),
            error,
            [text for name in FREE_TEXTS if (text := call.text(name))],
        )
        return await self._draw(request, call.id("pk"), refusal)

    async def _draw(
        self, request: Request, booking_id: uuid.UUID, refusal: Refusal | None = None
    ) -> Response:
        context = await in_transaction(
            request.app.state.sessions,
            partial(
                context_of,
                actor=staff_of(request).actor,
                booking_id=booking_id,
                doctor=request.query_params.get("doctor", "")[:100],
            ),
        )
        context["refusal"] = refusal
        context["typed"] = partial(_typed, refusal, context["card"])
        return await self.render(request, "booking_card/page.html", context)


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None


def _typed(refusal: Refusal | None, card: Card, verb: str) -> Typed:
    """The fields of one form: as typed when it was refused, else as the call is."""
    if refusal is not None and refusal.verb == verb:
        typed = refusal.typed
        if verb != Verb.EDIT:
            return typed
        fields = booking_changes.kept(typed.fields, card.booking)
        return Typed(fields, typed.errors)
    if verb == Verb.EDIT:
        return Typed(booking_changes.form_of(card.booking))
    if verb == Verb.REPLAN and card.turn is not None:
        start = card.turn.assignment.planned_start
        return Typed({"planned_start": booking_changes.local_input(start)})
    return Typed()


async def context_of(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, doctor: str
) -> dict[str, Any]:
    """Gather all that the page shows; the reading is committed with it."""
    card = await booking_card.read(session, actor, booking_id)
    booking = card.booking
    verbs = booking_card.allowed_verbs(actor, booking)
    await presence.watch(session, actor, booking_id)
    limits = await sla.thresholds(session)
    deadline = limits.deadline(
        booking.priority, booking.call_type, booking.created_at, booking.wanted_from
    )
    watchers = await presence.watchers_of(session, booking_id)
    give = next((each for each in (Verb.ASSIGN, Verb.REASSIGN) if each in verbs), None)
    found = await candidates(session, actor, booking_id, doctor) if give else None
    today = card.now.astimezone(clock.MOSCOW).date()
    return {
        **call_words.HELPERS,
        "age": partial(call_words.age, today=today),
        "card": card,
        "booking": booking,
        "history": booking_history.tell(card.events, card.names),
        "sla": waiting_words(card, deadline),
        "late": late_words(card.turn, card.now),
        "give": give,
        "offered": _offered(found, card.turn),
        "refused": found.refused if found else (),
        "located": found is None or found.located,
        "doctor_name": doctor,
        "steps": [each for each in STEPS if each in verbs],
        "others": [each for each in OTHERS if each in verbs],
        "watching": [
            watching(each) for each in watchers if each.user_id != actor.user_id
        ],
        "moment_of": datetime.fromisoformat,
        "was": booking_changes.form_of(booking),
        "shown_forms": {each.value for each in (*STEPS, *OTHERS) if each in verbs},
        **CHOICES,
        **await card_talk.context(session, actor, booking),
    }


CHOICES: Mapping[str, Any] = {
    "flags": list(Flag),
    "reasons": list(CancelReason),
    "all_specializations": list(Specialization),
    "all_priorities": list(Priority),
}


def _offered(found: Candidates | None, turn: Turn | None) -> list[Any]:
    if found is None:
        return []
    present = turn.doctor.id if turn else None
    return [each for each in found.items if each.doctor_id != present]


def watching(watcher: presence.Watcher) -> str:
    """«Анна Кузнецова смотрит этот вызов с 14:31»."""
    since = watcher.since.astimezone(clock.MOSCOW)
    return gettext(
        "{name} has had this call open since {time}",
        name=watcher.name,
        time=f"{since:%H:%M}",
    )


def waiting_words(card: Card, deadline: sla.Deadline) -> tuple[str, str]:
    """The state of the deadline and its sentence; only a waiting call has one."""
    if card.booking.status is not Status.PENDING:
        return "", ""
    state = deadline.state(card.now)
    if state is sla.SlaState.LATER:
        text = gettext(
            "the time starts to count at {moment}",
            moment=call_words.clock_of(deadline.starts_at, card.now),
        )
        return state.value, text
    limit = call_words.between(deadline.starts_at, deadline.red_at)
    left = call_words.between(card.now, deadline.red_at)
    if state is sla.SlaState.BROKEN:
        over = call_words.between(deadline.red_at, card.now)
        return state.value, gettext(
            "due in {limit}, overdue by {over}", limit=limit, over=over
        )
    return state.value, gettext("due in {limit}, {left} left", limit=limit, left=left)


def late_words(turn: Turn | None, now: datetime) -> str:
    """How far the facts are behind the plan; a plan is never late by itself."""
    if turn is None:
        return ""
    facts = turn.assignment
    if facts.started_at is not None:
        if turn.plan_late < 1:
            return ""
        minutes = call_words.minutes(turn.plan_late)
        return gettext("came {minutes} late", minutes=minutes)
    if facts.released_at is None and facts.planned_start < now:
        minutes = call_words.between(facts.planned_start, now)
        return gettext("{minutes} behind the plan", minutes=minutes)
    return ""


__all__ = ["BookingCard", "card_path"]
