"""Every status × every verb × every role, against a table written by hand.

Editing the edges or the permissions breaks this on purpose: change the table here
only together with the design.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import product

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, ClinicProfile, User
from models.booking import ACTIVE, EDGES, TERMINAL, Status, Verb
from models.booking_words import CancelReason, Flag
from models.role_grant import Role
from services import assignments, bookings, clock, visits
from services.actor import SYSTEM, Actor, Via
from services.booking_drafts import BookingChanges
from services.errors import DomainError, Forbidden, IllegalTransition, NotFound
from tests import factories
from tests.conftest import settle
from tests.factories import as_staff

P, A, C = "pending", "assigned", "accepted"
R, S, DONE, OFF = "en_route", "in_progress", "completed", "cancelled"
OPEN = {P, A, C, R, S}

# verb -> role -> from where; what is not here is refused.
ALLOWED: dict[str, dict[str, set[str]]] = {
    "edit": {"patient": {P}, "dispatcher": OPEN},
    "join": {"dispatcher": OPEN},
    "hand_to_clinic": {"dispatcher": {P, A}},
    "take_back": {"dispatcher": {P, A}},
    "assign": {"dispatcher": {P}, "clinic": {P}},
    "replan": {"dispatcher": {A, C}},
    "reassign": {"dispatcher": {A, C, R}},
    "unassign": {"dispatcher": {A, C, R}, "system": {A, C, R}},
    "accept": {"doctor": {A}, "dispatcher": {A}},
    "decline": {"doctor": {A, C, R}},
    "depart": {"doctor": {C}, "dispatcher": {C}},
    "start": {"doctor": {A, C, R}, "dispatcher": {A, C, R}},
    "complete": {"doctor": {S}, "dispatcher": {S}},
    "cancel": {"patient": OPEN, "dispatcher": OPEN, "doctor": {R, S}},
    "flag": {"doctor": {A, C, R, S}, "dispatcher": OPEN},
}
LEADS_TO = {
    "hand_to_clinic": P,
    "take_back": P,
    "assign": A,
    "reassign": A,
    "unassign": P,
    "accept": C,
    "decline": P,
    "depart": R,
    "start": S,
    "complete": DONE,
    "cancel": OFF,
}


@dataclass
class Scene:
    """One call, handed to a clinic, in some status, with everybody around it."""

    session: AsyncSession
    booking: Booking
    patient: User
    doctor: User
    other: User
    manager: User
    staff: User
    another_clinic: ClinicProfile

    def actor(self, role: Role) -> Actor:
        """Give whoever acts in the role and has to do with the call."""
        who = {
            Role.PATIENT: self.patient,
            Role.DOCTOR: self.doctor,
            Role.CLINIC: self.manager,
        }
        if role is Role.SYSTEM:
            return SYSTEM
        via = Via.API if role in who else Via.CONSOLE
        return Actor(who.get(role, self.staff).id, role, via)


async def scene(session: AsyncSession, status: Status) -> Scene:
    clinic = await factories.clinic(session)
    own = {"clinic_id": clinic.id}
    made = Scene(
        session,
        booking=None,  # type: ignore[arg-type]
        patient=await factories.patient(session),
        doctor=await factories.doctor(session, profile=own),
        other=await factories.doctor(session, profile=own),
        manager=await factories.clinic_manager(session, clinic),
        staff=await factories.dispatcher(session),
        another_clinic=await factories.clinic(session),
    )
    booking = await factories.booking(session, made.patient)
    staff = as_staff(made.staff)
    await bookings.hand_to_clinic(session, staff, booking.id, clinic.id, 1)
    if status is Status.CANCELLED:
        await bookings.cancel(session, staff, booking.id, CancelReason.DUPLICATE)
    elif status is not Status.PENDING:
        await assignments.assign(session, staff, booking.id, made.doctor.id, 2)
        for walk in factories.PATH[status]:
            await walk(session, booking, made.doctor)
    await settle(session)
    made.booking = await session.get_one(Booking, booking.id)
    assert made.booking.status is status
    return made


Act = Callable[[Scene, Actor], Awaitable[Booking]]


async def _replan(scene: Scene, actor: Actor) -> Booking:
    later = await factories.tomorrow(scene.session)
    booking = scene.booking
    return await assignments.replan(
        scene.session, actor, booking.id, later, booking.version
    )


ACTS: dict[str, Act] = {
    "edit": lambda s, a: bookings.edit(
        s.session, a, s.booking.id, BookingChanges(symptoms="Хуже"), s.booking.version
    ),
    "join": lambda s, a: bookings.join(s.session, a, s.booking.id, "Ещё звонили"),
    "hand_to_clinic": lambda s, a: bookings.hand_to_clinic(
        s.session, a, s.booking.id, s.another_clinic.id, s.booking.version
    ),
    "take_back": lambda s, a: bookings.take_back(
        s.session, a, s.booking.id, s.booking.version
    ),
    "assign": lambda s, a: assignments.assign(
        s.session, a, s.booking.id, s.other.id, s.booking.version
    ),
    "replan": _replan,
    "reassign": lambda s, a: assignments.reassign(
        s.session, a, s.booking.id, s.other.id, s.booking.version
    ),
    "unassign": lambda s, a: assignments.unassign(
        s.session, a, s.booking.id, s.booking.version
    ),
    "accept": lambda s, a: visits.accept(s.session, a, s.booking.id, "Врач на связи"),
    "decline": lambda s, a: visits.decline(s.session, a, s.booking.id, "Заболел"),
    "depart": lambda s, a: visits.depart(s.session, a, s.booking.id),
    "start": lambda s, a: visits.start(s.session, a, s.booking.id),
    "complete": lambda s, a: visits.complete(s.session, a, s.booking.id, 30, "ОРВИ"),
    "cancel": lambda s, a: bookings.cancel(
        s.session, a, s.booking.id, CancelReason.OTHER
    ),
    "flag": lambda s, a: bookings.flag(s.session, a, s.booking.id, Flag.RESUSCITATION),
}

EVERYTHING = """
SELECT (SELECT md5(json_agg(b ORDER BY id)::text) FROM booking b),
       (SELECT md5(json_agg(a ORDER BY id)::text) FROM assignment a),
       (SELECT count(*) FROM booking_event), (SELECT count(*) FROM audit_event),
       (SELECT count(*) FROM booking_item),
       (SELECT count(*) FROM jobs.procrastinate_jobs)
"""


async def everything(session: AsyncSession) -> tuple[object, ...]:
    await session.flush()
    return tuple((await session.execute(sa.text(EVERYTHING))).one())


def refusal(verb: str, role: Role, status: str) -> type[DomainError]:
    """Say how a refused try must fail: by role first, then by ownership."""
    if role not in ALLOWED[verb]:
        return Forbidden
    if role is Role.DOCTOR and status in {P, OFF}:
        return NotFound
    return IllegalTransition


@pytest.mark.parametrize(
    ("status", "verb", "role"),
    [
        pytest.param(*case, id="-".join(case))
        for case in product(map(str, Status), ACTS, map(str, Role))
    ],
)
async def test_every_status_verb_and_role(
    session: AsyncSession, status: str, verb: str, role: str
) -> None:
    made = await scene(session, Status(status))
    actor = made.actor(Role(role))
    if status in ALLOWED[verb].get(role, ()):
        version = made.booking.version
        done = await ACTS[verb](made, actor)
        await settle(session)
        assert done.status == LEADS_TO.get(verb, status)
        assert done.version == version + 1
        return
    before = await everything(session)
    with pytest.raises(refusal(verb, Role(role), status)) as refused:
        await ACTS[verb](made, actor)
    assert type(refused.value) is refusal(verb, Role(role), status)
    assert await everything(session) == before


def test_the_table_names_every_verb() -> None:
    assert set(ALLOWED) == set(ACTS) == {verb.value for verb in Verb}
    assert {status.value for status in Status} == OPEN | {DONE, OFF}


def test_every_status_is_reached_and_the_last_ones_have_no_exit() -> None:
    reached, ahead = {Status.PENDING}, [Status.PENDING]
    while ahead:
        status = ahead.pop()
        for edge in EDGES.values():
            target = edge.target or status
            if status in edge.sources and target not in reached:
                reached.add(target)
                ahead.append(target)
    assert reached == set(Status)
    for edge in EDGES.values():
        assert not edge.sources & TERMINAL
    assert set(Status) == ACTIVE | TERMINAL


FOREIGN = {
    Role.PATIENT: ("edit", "cancel"),
    Role.DOCTOR: ("accept", "decline", "start", "flag"),
    Role.CLINIC: ("assign",),
}


@pytest.mark.parametrize(
    ("role", "verb"), [(role, verb) for role in FOREIGN for verb in FOREIGN[role]]
)
async def test_what_belongs_to_others_does_not_exist(
    session: AsyncSession, role: Role, verb: str
) -> None:
    made = await scene(session, Status.PENDING if verb == "assign" else Status.ASSIGNED)
    stranger = {
        Role.PATIENT: factories.patient,
        Role.DOCTOR: factories.doctor,
        Role.CLINIC: _manager_elsewhere,
    }
    actor = Actor((await stranger[role](session)).id, role, Via.API)
    before = await everything(session)
    with pytest.raises(NotFound):
        await ACTS[verb](made, actor)
    assert await everything(session) == before


async def _manager_elsewhere(session: AsyncSession) -> User:
    return await factories.clinic_manager(session, await factories.clinic(session))


async def test_staff_decide_on_no_call_of_their_own(session: AsyncSession) -> None:
    user = await factories.person(session, Role.PATIENT, Role.DISPATCHER)
    doctor = await factories.doctor(session)
    own = await factories.booking(session, user)
    with pytest.raises(Forbidden):
        await assignments.assign(session, as_staff(user), own.id, doctor.id, 1)


async def test_a_doctor_loses_a_finished_visit_after_a_day(
    session: AsyncSession,
) -> None:
    made = await scene(session, Status.COMPLETED)
    with pytest.raises(IllegalTransition):
        await visits.start(session, made.actor(Role.DOCTOR), made.booking.id)
    await clock.shift(session, 24 * 3600)
    with pytest.raises(NotFound):
        await visits.start(session, made.actor(Role.DOCTOR), made.booking.id)
    await clock.shift(session, 0)
