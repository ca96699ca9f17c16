"""A new call by phone: one form in the order of the talk, looked up while typed."""

import json
import secrets
import uuid
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import call_words, formats
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.new_call_form import (
    Typed,
    at_own_fields,
    draft_of,
    point_of,
    wanted_from,
    wrong,
)
from backoffice.pages import Page, page, staff_of
from models import Booking
from models.booking_words import CallType, Priority
from models.patient_profile import Sex
from models.specialization import Specialization
from services import (
    bookings,
    clock,
    duplicates,
    form_tokens,
    nearest_doctors,
    planning,
    prices,
    street_suggestions,
)
from services.actor import Actor
from services.caller_lookup import Lookup, Match, look_up
from services.duplicates import OpenCall
from services.edges import in_transaction
from services.errors import Conflict, DomainError, ValidationFailed
from services.i18n import Lazy, gettext
from services.permissions import Permission

PATH = "/admin/calls/new"
PAGE, FORM = "new_call/page.html", "new_call/_form.html"
PARTS = ("people", "addresses", "duplicate", "side", "price")
ANSWERS = frozenset({"join", "same", "new"})
PRIORITIES = tuple(reversed(Priority))
FOUND: Mapping[Match, Lazy | str] = {
    Match.FOUND: Lazy("found"),
    Match.UNKNOWN: Lazy("new number"),
    Match.SEVERAL: Lazy("several fit, type on"),
    Match.SHORT: "",
}
Member = TypeVar("Member", bound=StrEnum)


class NewCall(Page):
    """The form by itself and as a layer over the board, and what it asks for."""

    name = Lazy("New call")
    icon = "ti ti-phone-plus"
    needs = {"list": Permission.BOARD_USE}

    @page("/calls/new")
    async def new_call(self, request: Request) -> Response:
        """Draw an empty form; `?layer=1` leaves out the frame of the page."""
        layer = "layer" in request.query_params
        return await self._draw(request, Typed(), FORM if layer else PAGE, layer=layer)

    @command("/calls/new", Permission.BOOKING_CREATE, again="again")
    async def create_call(self, session: AsyncSession, call: Call) -> Done:
        """Take the call, or join its words to the open one."""
        typed = Typed(call.fields)
        if typed.text("do") == "find":
            context = await context_of(session, call.actor, typed.before_lookup())
            return Done("", show=(PAGE, context))
        return await take(session, call.actor, typed)

    @command("/calls/lookup", Permission.BOOKING_READ)
    async def look_up_caller(self, session: AsyncSession, call: Call) -> Done:
        """Answer with the parts of the form that depend on what was typed."""
        context = await context_of(session, call.actor, Typed(call.fields))
        drawn = {name: await self._part(call, name, context) for name in PARTS}
        lookup: Lookup = context["lookup"]
        caller = lookup.caller
        return Done(
            "",
            data={
                "match": lookup.match,
                "whole": lookup.phone is not None,
                "found": found_text(lookup),
                "patient": str(caller.user_id) if caller else "",
                "specialization": context["specialization"],
                "parts": drawn,
            },
        )

    @command("/calls/streets", Permission.BOARD_USE)
    async def suggest_streets(self, session: AsyncSession, call: Call) -> Done:
        """Suggest streets for what has been typed so far."""
        found = await street_suggestions.suggest(session, call.actor, call.text("q"))
        keys = ("name", "district", "latitude", "longitude")
        streets = [{key: getattr(street, key) for key in keys} for street in found]
        return Done("", data={"streets": streets})

    async def again(self, request: Request, call: Call, error: DomainError) -> Response:
        """Draw the form as it was typed, with each error at its field."""
        found = error.facts.get("errors", [])
        errors = {each["field"]: each["message"] for each in found}
        typed = Typed(call.fields, errors, "" if errors else error.message)
        return await self._draw(request, typed, PAGE)

    async def _draw(
        self, request: Request, typed: Typed, template: str, *, layer: bool = False
    ) -> Response:
        actor = staff_of(request).actor
        context = await in_transaction(
            request.app.state.sessions, partial(context_of, actor=actor, typed=typed)
        )
        return await self.render(request, template, {**context, "layer": layer})

    async def _part(self, call: Call, name: str, context: Mapping[str, Any]) -> str:
        template = self.templates.env.get_template(f"new_call/_{name}.html")
        drawn: str = await template.render_async(context, request=call.request)
        return drawn


def found_text(lookup: Lookup) -> str:
    """Say beside the number what it led to."""
    return str(FOUND[lookup.match])


def _member(kind: type[Member], text: str, default: Member) -> Member:
    return kind(text) if text in set(kind) else default


async def context_of(
    session: AsyncSession, actor: Actor, typed: Typed
) -> dict[str, Any]:
    """Gather what the form shows beside the typed words."""
    lookup = await look_up(session, actor, typed.text("phone"))
    now = await clock.now(session)
    last = lookup.caller.last_specialization if lookup.caller else None
    specialization = _member(
        Specialization, typed.text("specialization"), last or Specialization.THERAPIST
    )
    call_type = _member(CallType, typed.text("call_type"), CallType.URGENT)
    today = now.astimezone(clock.MOSCOW).date()
    return {
        **call_words.HELPERS,
        "age": partial(call_words.age, today=today),
        "typed": typed,
        "token": typed.text("token") or secrets.token_urlsafe(18),
        "lookup": lookup,
        "found_text": found_text,
        "duplicates": await _duplicates(session, actor, typed, lookup),
        "price": await prices.quote(
            session, call_type, specialization, wanted_from(typed) or now
        ),
        "doctors": await _doctors(
            session, actor, typed, lookup, (specialization, call_type)
        ),
        "specialization": specialization,
        "specializations": list(Specialization),
        "call_types": list(CallType),
        "priorities": PRIORITIES,
        "sexes": list(Sex),
        "layer": False,
    }


async def _duplicates(
    session: AsyncSession, actor: Actor, typed: Typed, lookup: Lookup
) -> list[OpenCall]:
    caller = lookup.caller
    door = _door(typed, lookup)
    return await duplicates.open_calls_like(
        session,
        actor,
        phone=lookup.phone,
        patient_id=caller.user_id if caller else None,
        address_text=door.text if door else typed.text("address_text"),
        flat=door.flat if door else typed.text("flat"),
    )


def _door(typed: Typed, lookup: Lookup) -> Any:
    """The known address that is chosen; the first is chosen from the start."""
    if lookup.caller is None or typed.text("address") == "new":
        return None
    known = lookup.caller.addresses
    return lookup.caller.address(typed.text("address")) or (known[0] if known else None)


async def _doctors(
    session: AsyncSession,
    actor: Actor,
    typed: Typed,
    lookup: Lookup,
    kind: tuple[Specialization, CallType],
) -> list[nearest_doctors.NearDoctor]:
    door = _door(typed, lookup)
    target = planning.point_of(door) if door else point_of(typed)
    if target is None:
        return []
    return await nearest_doctors.nearest_doctors(session, actor, target, *kind)


async def take(session: AsyncSession, actor: Actor, typed: Typed) -> Done:
    """Carry the form out once, however often it is sent."""
    token = typed.text("token")
    earlier = await form_tokens.first_answer(session, actor, PATH, token)
    if earlier is not None:
        return _done(typed, **json.loads(earlier))
    lookup = await look_up(session, actor, typed.text("phone"))
    _demand_answer(typed, await _duplicates(session, actor, typed, lookup))
    try:
        booking = await _carry_out(session, actor, typed, lookup)
    except ValidationFailed as error:
        raise at_own_fields(error) from error
    answer: dict[str, Any] = {
        "booking_id": str(booking.id),
        "number": booking.label,
        "price": booking.price_kopecks,
        "joined": typed.text("answer") == "join",
    }
    await form_tokens.keep_answer(session, actor, PATH, token, json.dumps(answer))
    return _done(typed, **answer)


def _demand_answer(typed: Typed, found: list[OpenCall]) -> None:
    """Refuse until the question about each open call has been answered."""
    seen = set(typed.text("duplicates_seen").split(","))
    asked = all(str(each.booking_id) in seen for each in found)
    about = {str(each.booking_id) for each in found}
    answer = typed.text("answer")
    if found and not (asked and answer in ANSWERS):
        text = gettext("First answer about {number}", number=found[0].label)
        raise wrong(("answer", text))
    if answer in {"join", "same"} and typed.text("duplicate_of") not in about:
        raise Conflict(gettext("That call has been closed meanwhile"))


async def _carry_out(
    session: AsyncSession, actor: Actor, typed: Typed, lookup: Lookup
) -> Booking:
    if typed.text("answer") != "join":
        return await bookings.create(session, actor, draft_of(typed, lookup))
    if not typed.text("symptoms"):
        raise wrong(("symptoms", gettext("Write down what the caller says")))
    about = uuid.UUID(typed.text("duplicate_of"))
    return await bookings.join(session, actor, about, typed.text("symptoms"))


def _done(typed: Typed, booking_id: str, number: str, price: int, joined: bool) -> Done:
    if joined:
        text = gettext("The words were added to call {number}.", number=number)
    else:
        text = gettext(
            "Call {number} is taken, {price}.",
            number=number,
            price=formats.roubles(price),
        )
    another = typed.text("do") == "another"
    to = PATH if another else f"/admin/board?call={booking_id}"
    return Done(
        text, to=to, data={"booking_id": booking_id, "number": number, "to": to}
    )
