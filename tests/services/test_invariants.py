"""Every rule holds for what services make, and sees the corruption planted for it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.booking import Status
from models.doctor_application import ApplicationStatus
from models.role_grant import Role
from services import erasure, invariants
from services.actor import SYSTEM
from services.invariant_rules import RULES
from tests import factories
from tests.applicants import application_in
from tests.conftest import settle


@dataclass
class World:
    """A finished call, one under way, one waiting, and their people."""

    over: Booking
    running: Booking
    waiting: Booking
    doctor: User
    dispatcher: User

    @property
    def names(self) -> dict[str, object]:
        """What the planted statements may refer to."""
        return {
            "over": self.over.id,
            "running": self.running.id,
            "waiting": self.waiting.id,
            "doctor": self.doctor.id,
            "patient": self.waiting.patient_id,
            "dispatcher": self.dispatcher.id,
        }


@pytest.fixture
async def world(session: AsyncSession) -> World:
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    people = {"doctor": doctor, "dispatcher": dispatcher}
    made = World(
        over=await factories.booking_in(session, Status.COMPLETED, **people),
        running=await factories.booking_in(session, Status.IN_PROGRESS, **people),
        waiting=await factories.booking(session),
        **people,
    )
    await settle(session)
    return made


ANOTHER_TURN = """
INSERT INTO assignment (id, booking_id, doctor_id, stop_id, planned_start,
  planned_window, travel_minutes, assigned_by, assigned_at, {columns})
SELECT gen_random_uuid(), {booking}, doctor_id, gen_random_uuid(), planned_start,
  planned_window, 10, assigned_by, {assigned_at}, {values}
FROM assignment WHERE booking_id = :running
"""
LOOSE = "ALTER TABLE {0} DROP CONSTRAINT {1}"
ONE_PLACE = LOOSE.format("assignment", "ex_assignment_one_place")
ONE_ROAD = LOOSE.format("assignment", "ex_assignment_under_way_once")

PLANTED: Mapping[str, tuple[str, ...]] = {
    "status_is_last_step": (
        "UPDATE booking SET status = 'assigned' WHERE id = :waiting",
    ),
    "version_counts_steps": ("UPDATE booking SET version = 7 WHERE id = :over",),
    "history_is_connected": (
        "UPDATE booking_event SET from_status = 'accepted'"
        " WHERE booking_id = :over AND event = 'accept'",
    ),
    "steps_are_legal": (
        "UPDATE booking_event SET to_status = 'pending'"
        " WHERE booking_id = :over AND event = 'complete'",
    ),
    "steps_are_permitted": (
        "UPDATE booking_event SET acting_as = 'finance'"
        " WHERE booking_id = :over AND event = 'assign'",
    ),
    "nobody_decides_for_themselves": (
        "UPDATE booking_event SET actor_id ="
        " (SELECT patient_id FROM booking WHERE id = :over)"
        " WHERE booking_id = :over AND event = 'assign'",
    ),
    "steps_are_journalled": (
        "DELETE FROM audit_event WHERE object_id = :over AND action = 'booking.depart'",
    ),
    "one_running_turn": (
        "DROP INDEX uq_assignment_shown",
        ONE_PLACE,
        ONE_ROAD,
        ANOTHER_TURN.format(
            booking=":running",
            assigned_at="assigned_at",
            columns="accepted_at",
            values="accepted_at",
        ),
    ),
    "turn_fits_status": (
        "UPDATE assignment SET released_at = app_now(), outcome = 'unassigned'"
        " WHERE booking_id = :running",
    ),
    "stamps_fit_status": (
        "UPDATE assignment SET started_at = NULL WHERE booking_id = :running",
    ),
    "stamps_are_in_order": (
        "UPDATE assignment SET started_at = accepted_at - interval '1 hour'"
        " WHERE booking_id = :over",
    ),
    "outcome_fits_status": (
        "UPDATE assignment SET outcome = 'unassigned' WHERE booking_id = :over",
    ),
    "plans_do_not_overlap": (
        ONE_PLACE,
        ANOTHER_TURN.format(
            booking=":waiting",
            assigned_at="assigned_at",
            columns="accepted_at",
            values="NULL",
        ),
    ),
    "under_way_once": (
        ONE_PLACE,
        ONE_ROAD,
        ANOTHER_TURN.format(
            booking=":waiting",
            assigned_at="assigned_at",
            columns="departed_at",
            values="departed_at",
        ),
    ),
    "decline_is_final": (
        ANOTHER_TURN.format(
            booking=":running",
            assigned_at="assigned_at - interval '1 hour'",
            columns="released_at, outcome",
            values="assigned_at - interval '1 minute', 'declined'",
        ),
    ),
    "blocked_are_out": (
        "UPDATE app_user SET blocked_at = app_now() WHERE id IN (:dispatcher, :doctor)",
        "INSERT INTO staff_session (id, user_id, token_hash, csrf_token, auth_version,"
        " last_seen_at, expires_at) VALUES (gen_random_uuid(), :dispatcher, 'x', 'x',"
        " 1, app_now(), app_now() + interval '1 hour')",
        "INSERT INTO refresh_token (id, user_id, family_id, token_hash, expires_at)"
        " VALUES (gen_random_uuid(), :doctor, gen_random_uuid(), 'x',"
        " app_now() + interval '1 hour')",
    ),
    "blocked_doctors_have_no_visits": (
        "UPDATE app_user SET blocked_at = app_now() WHERE id = :doctor",
        "UPDATE assignment SET started_at = NULL, departed_at = NULL"
        " WHERE booking_id = :running",
    ),
    "staff_roles_exclude": (
        "DROP INDEX uq_role_grant_one_staff_role",
        "INSERT INTO role_grant (id, user_id, role, granted_by) VALUES"
        " (gen_random_uuid(), :dispatcher, 'finance', :dispatcher),"
        " (gen_random_uuid(), :patient, 'admin', :dispatcher)",
    ),
    "roles_have_profiles": (
        "DELETE FROM patient_profile WHERE user_id = :patient",
        "DELETE FROM doctor_profile WHERE user_id = :doctor",
        "INSERT INTO role_grant (id, user_id, role, granted_by) VALUES"
        " (gen_random_uuid(), :patient, 'clinic', :dispatcher)",
    ),
    "answers_are_forgotten": (
        "INSERT INTO idempotency_record (id, user_id, method, path, key,"
        " request_hash, status_code, body, created_at) VALUES (gen_random_uuid(),"
        " :patient, 'POST', '/v1/bookings', 'k', 'h', 201, '{}',"
        " app_now() - interval '3 days')",
    ),
    "requests_under_way_are_followed_up": (
        "INSERT INTO idempotency_record (id, user_id, method, path, key,"
        " request_hash, status_code, body, created_at) VALUES (gen_random_uuid(),"
        " :patient, 'POST', '/v1/payments', 'k', 'h', 0, 'x',"
        " app_now() - interval '6 minutes')",
    ),
    "applications_stand_at_their_last_step": (
        "INSERT INTO doctor_application (id, user_id, status, facts, version)"
        " VALUES (gen_random_uuid(), :patient, 'submitted', '{}', 2)",
    ),
    "approved_applicants_are_doctors": (
        "INSERT INTO doctor_application (id, user_id, status, facts, version)"
        " VALUES (gen_random_uuid(), :patient, 'approved', '{}', 1)",
        "INSERT INTO doctor_application (id, user_id, status, facts, version)"
        " VALUES (gen_random_uuid(), :doctor, 'suspended', '{}', 1)",
    ),
    "jobs_have_workers": (
        "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, status, args)"
        " VALUES ('default', 'noun.verb', 'doing', '{}')",
    ),
}


def test_every_rule_has_a_planted_corruption() -> None:
    assert {rule.name for rule in RULES} == set(PLANTED)
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_a_rule_finds_what_was_planted(
    session: AsyncSession, world: World, rule: invariants.Rule
) -> None:
    assert await invariants.check_rule(session, rule) == []
    names = world.names
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    for statement in PLANTED[rule.name]:
        known = {key: value for key, value in names.items() if f":{key}" in statement}
        await session.execute(text(statement), known)
    found = await invariants.check_rule(session, rule)
    assert found
    assert {violation.rule for violation in found} == {rule.name}
    assert rule.name in str(found[0])


async def test_what_services_make_is_sound(session: AsyncSession, world: World) -> None:
    await factories.person(session, Role.ADMIN)
    manager = await factories.clinic_manager(session, await factories.clinic(session))
    assert manager.id
    for status in (Status.CANCELLED, Status.ASSIGNED, Status.ACCEPTED):
        await factories.booking_in(
            session,
            status,
            doctor=await factories.doctor(session),
            dispatcher=world.dispatcher,
        )
    for state in ApplicationStatus:
        await application_in(session, state)
    erased = await application_in(session, ApplicationStatus.APPROVED)
    ids = await erasure.lock(session, erased.user_id)
    await erasure.forget(session, SYSTEM, ids)
    assert await invariants.check(session) == []


async def test_at_most_twenty_offenders_are_told(
    session: AsyncSession, world: World
) -> None:
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    await session.execute(
        text(
            "INSERT INTO idempotency_record (id, user_id, method, path, key,"
            " request_hash, status_code, body, created_at)"
            " SELECT gen_random_uuid(), :patient, 'POST', '/', n::text, 'h', 201, '',"
            " app_now() - interval '3 days' FROM generate_series(1, 30) n"
        ),
        {"patient": world.waiting.patient_id},
    )
    assert len(await invariants.check(session)) == invariants.OFFENDERS_TOLD
