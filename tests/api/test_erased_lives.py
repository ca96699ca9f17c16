"""Nothing of an erased person stays but what accounting needs, column by column."""

import sqlalchemy as sa
from httpx import AsyncClient

from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import PASSWORD, key
from tests.api.lives import Life, doctors_life, managers_life, places
from tests.api.test_rights import lived

# Where a life leaves words, written by hand: what is not filled would prove nothing.
OF_EVERYBODY = {
    "app_user.first_name",
    "app_user.last_name",
    "app_user.search_name",
    "app_user.email",
}
OF_A_PATIENT = OF_EVERYBODY | {
    "address.label",
    "address.text",
    "assignment.outcome_reason",
    "booking.address_notes",
    "booking.address_text",
    "booking.cancel_comment",
    "booking.subject_name",
    "booking.search_text",
    "booking.symptoms",
    "booking_event.comment",
    "idempotency_record.body",
    "patient_profile.allergies",
    "patient_profile.emergency_contact",
}
OF_A_DOCTOR = OF_EVERYBODY | {
    "app_user.middle_name",
    "application_event.comment",
    "assignment.outcome_reason",
    "audit_event.data",
    "booking_event.comment",
    "doctor_application.reason",
    "doctor_profile.about",
    "doctor_profile.education",
    "doctor_profile.home_district",
    "doctor_profile.licence_number",
    "doctor_profile.suspended_reason",
    "document.file_name",
    "document.number",
    "document.review_comment",
    "idempotency_record.body",
    "notification.address",
    "notification.facts",
    "profile_change.facts",
    "profile_change.reason",
    "role_grant.reason",
    "role_grant.revoke_reason",
    "shift_exception.comment",
    "verification_code.address",
}
OF_A_MANAGER = OF_EVERYBODY | {
    "audit_event.data",
    "notification.address",
    "role_grant.reason",
    "role_grant.revoke_reason",
    "verification_code.address",
}
# The last message to the old contact waits to be sent, and its row goes soon after.
LAST_WORD = {"notification.address"}
# What tells of a person without a word: it is gone, or empty.
GONE = (
    "SELECT count(*) FROM shift WHERE doctor_id = :id",
    "SELECT count(*) FROM shift_exception WHERE doctor_id = :id",
    "SELECT count(*) FROM clinic_member WHERE user_id = :id",
    "SELECT count(*) FROM idempotency_record WHERE user_id = :id",
    "SELECT count(*) FROM verification_code WHERE user_id = :id",
    "SELECT count(*) FROM refresh_token WHERE user_id = :id",
    "SELECT count(*) FROM consent WHERE user_id = :id AND client_address IS NOT NULL",
    "SELECT count(*) FROM role_grant WHERE user_id = :id AND revoked_at IS NULL",
    """SELECT count(*) FROM doctor_state WHERE doctor_id = :id
        AND (on_duty OR latitude IS NOT NULL OR longitude IS NOT NULL
             OR accuracy_m IS NOT NULL OR position_at IS NOT NULL)""",
    """SELECT count(*) FROM doctor_profile WHERE user_id = :id
        AND (home_latitude IS NOT NULL OR home_longitude IS NOT NULL
             OR birth_date IS NOT NULL OR clinic_id IS NOT NULL OR duty_by_plan)""",
    """SELECT count(*) FROM document WHERE user_id = :id
        AND (storage_name IS NOT NULL OR issued_on IS NOT NULL
             OR expires_on IS NOT NULL)""",
    """SELECT count(*) FROM profile_change WHERE doctor_id = :id
        AND (status = 'pending' OR facts <> '{}')""",
)


async def left(sessions: Sessions, life: Life) -> list[int]:
    """Count the rows that still tell of the person without a word."""
    async with transaction(sessions) as session:
        return [
            await session.scalar(sa.text(query), {"id": life.user_id}) or 0
            for query in GONE
        ]


async def erase(client: AsyncClient, life: Life) -> None:
    answer = await client.request(
        "DELETE", "/v1/me", json={"current_password": PASSWORD}, headers=life.headers
    )
    assert answer.status_code == 204, answer.text


async def test_of_a_patient_no_column_keeps_a_word(
    client: AsyncClient, sessions: Sessions
) -> None:
    known = await lived(client, sessions)
    life = Life(known["token"]["user"]["id"], known["headers"])
    door = {"text": "Секретная дача", "label": "Секретная дача"}
    answer = await client.post(
        "/v1/me/addresses", json=door, headers=life.headers | key()
    )
    assert answer.status_code == 201, answer.text
    assert await places(sessions) == OF_A_PATIENT
    await erase(client, life)
    assert await places(sessions) == LAST_WORD
    assert sum(await left(sessions, life)) == 0


async def test_of_a_doctor_no_column_keeps_a_word(
    client: AsyncClient, sessions: Sessions
) -> None:
    life = await doctors_life(client, sessions)
    assert await places(sessions) == OF_A_DOCTOR
    there = await left(sessions, life)
    # A doctor manages no clinic; everything else is filled.
    assert [GONE[n] for n, count in enumerate(there) if not count] == [GONE[2]]
    await erase(client, life)
    assert await places(sessions) == LAST_WORD
    assert sum(await left(sessions, life)) == 0


async def test_of_a_clinics_manager_no_column_keeps_a_word(
    client: AsyncClient, sessions: Sessions
) -> None:
    life = await managers_life(client, sessions)
    assert await places(sessions) == OF_A_MANAGER
    await erase(client, life)
    assert await places(sessions) == LAST_WORD
    assert sum(await left(sessions, life)) == 0


async def test_the_journal_keeps_who_did_what_and_forgets_only_words(
    client: AsyncClient, sessions: Sessions
) -> None:
    life = await doctors_life(client, sessions)
    query = sa.text(
        "SELECT to_jsonb(e) - 'data', data - ARRAY['reason', 'before', 'after']"
        " FROM audit_event e WHERE created_at < :until ORDER BY id"
    )
    async with transaction(sessions) as session:
        until = await session.scalar(sa.text("SELECT max(created_at) FROM audit_event"))
        before = (await session.execute(query, {"until": until})).all()
    await erase(client, life)
    async with transaction(sessions) as session:
        assert (await session.execute(query, {"until": until})).all() == before
