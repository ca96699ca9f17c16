"""What an erasure empties, table by table, and what it keeps.

Number, price, times, statuses and codes of calls stay, since accounting needs them,
and so does every row of money; names, contacts, doors and every text go. Consents stay
as a proof, without the address they came from. The journal stays without reasons and
values: it names people by their ids only.
"""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import documents

# A call without a complaint or a door says so by a dash: both columns are needed.
TEXTS: Sequence[str] = (
    """
    UPDATE booking SET symptoms = '—', address_text = '—',
           subject_name = NULL, subject_birth_date = NULL, subject_sex = NULL,
           subject_allergies = NULL, subject_chronic_conditions = NULL,
           subject_contact_phone = NULL, entrance = NULL, floor = NULL,
           intercom = NULL, flat = NULL, address_notes = NULL, district = NULL,
           latitude = NULL, longitude = NULL, cancel_comment = NULL,
           conclusion = CASE WHEN conclusion IS NOT NULL THEN '—' END
     WHERE patient_id = ANY(:ids)
    """,
    """
    UPDATE booking_event SET comment = NULL
     WHERE comment IS NOT NULL
       AND booking_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids))
    """,
    """
    UPDATE refund_claim SET comment = NULL
     WHERE comment IS NOT NULL
       AND booking_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids))
    """,
    """
    UPDATE payment SET return_url = NULL
     WHERE return_url IS NOT NULL
       AND booking_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids))
    """,
    """
    UPDATE assignment SET outcome_reason = NULL
     WHERE outcome_reason IS NOT NULL
       AND booking_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids))
    """,
    # Why a doctor declined, was taken off or spoken for tells of the doctor.
    """
    UPDATE booking_event SET comment = NULL
     WHERE comment IS NOT NULL AND event IN ('unassign', 'decline', 'accept', 'depart', 'start')
       AND data ->> 'doctor_id' = ANY(CAST(:ids AS text[]))
       AND booking_id IN
           (SELECT booking_id FROM assignment WHERE doctor_id = ANY(:ids))
    """,
    """
    UPDATE assignment SET outcome_reason = NULL
     WHERE outcome_reason IS NOT NULL AND doctor_id = ANY(:ids)
    """,
    """
    UPDATE audit_event SET data = data - ARRAY['reason', 'before', 'after']
     WHERE jsonb_exists_any(data, ARRAY['reason', 'before', 'after'])
       AND (object_id = ANY(:ids)
            OR object_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids)))
    """,
    """
    UPDATE application_event SET comment = NULL, data = '{}'
     WHERE application_id IN
           (SELECT id FROM doctor_application WHERE user_id = ANY(:ids))
    """,
)
# What the person said anywhere, what anybody said in their calls, and why it was hidden.
# A file without its row is swept away.
TALK: Sequence[str] = (
    """
    UPDATE message SET text = CASE WHEN text IS NOT NULL THEN '—' END,
           file_name = NULL, sha256 = NULL, storage_name = NULL, client_id = NULL
     WHERE kind <> 'system'
       AND (sender_id = ANY(:ids)
            OR booking_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids)))
    """,
    """
    UPDATE audit_event SET data = data - 'reason'
     WHERE action = 'message.hidden'
       AND (object_id, CAST(data ->> 'seq' AS int)) IN
           (SELECT booking_id, seq FROM message
             WHERE sender_id = ANY(:ids) AND hidden_at IS NOT NULL)
    """,
    "DELETE FROM message_read WHERE user_id = ANY(:ids)",
    "DELETE FROM chat_ticket WHERE user_id = ANY(:ids)",
    "DELETE FROM talk_link WHERE user_id = ANY(:ids)",
    "DELETE FROM telegram_link WHERE user_id = ANY(:ids)",
    # A doctor may have begun to write a conclusion about the person.
    """
    DELETE FROM telegram_dialog
     WHERE user_id = ANY(:ids)
        OR booking_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids))
    """,
    # What others were told about the person's calls, and patients about the doctor.
    """
    UPDATE notification SET facts = facts || '{"district": "—"}'
     WHERE jsonb_exists(facts, 'district')
       AND booking_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids))
    """,
    """
    UPDATE notification SET facts = facts || '{"doctor": "—"}'
     WHERE jsonb_exists(facts, 'doctor')
       AND booking_id IN
           (SELECT booking_id FROM assignment WHERE doctor_id = ANY(:ids))
    """,
    "DELETE FROM notification_preference WHERE user_id = ANY(:ids)",
    "DELETE FROM quiet_hours WHERE user_id = ANY(:ids)",
)
# Where a fiscal receipt went stands in what was sent to the provider.
MONEY: Sequence[str] = tuple(
    f"""
    UPDATE {table} SET request_body =
           regexp_replace(request_body, '"email": "[^"]*"', '"email": ""')
     WHERE request_body LIKE '%"email": "%'
       AND booking_id IN (SELECT id FROM booking WHERE patient_id = ANY(:ids))
    """  # noqa: S608 - the names of tables are constants
    for table in ("payment", "refund", "receipt")
)
ABOARD: Sequence[str] = (
    """
    WITH closed AS (
      UPDATE doctor_application
         SET facts = '{}', reason = NULL, version = version + 1,
             status = CASE WHEN status IN ('rejected', 'withdrawn')
                           THEN status ELSE 'withdrawn' END
       WHERE user_id = ANY(:ids)
      RETURNING id, version, status
    )
    INSERT INTO application_event
      (id, application_id, version, event, to_status, actor_id, acting_as, via, data)
    SELECT gen_random_uuid(), closed.id, closed.version, 'erase', closed.status,
           :actor_id, :acting_as, :via, '{}' FROM closed
    """,
    """
    UPDATE document SET file_name = '', issued_on = NULL, expires_on = NULL,
           review_comment = NULL
     WHERE user_id = ANY(:ids)
    """,
    """
    UPDATE profile_change SET facts = '{}', reason = NULL,
           status = CASE status WHEN 'pending' THEN 'withdrawn' ELSE status END
     WHERE doctor_id = ANY(:ids)
    """,
    """
    UPDATE doctor_profile SET licence_number = '—', education = NULL,
           birth_date = NULL, about = NULL, home_district = NULL,
           home_latitude = NULL, home_longitude = NULL, experience_years = NULL,
           languages = '{ru}', clinic_id = NULL, approved_at = NULL,
           duty_by_plan = false,
           suspended_reason = NULL
     WHERE user_id = ANY(:ids)
    """,
    """
    UPDATE doctor_state SET on_duty = false, latitude = NULL, longitude = NULL,
           accuracy_m = NULL, position_at = NULL
     WHERE doctor_id = ANY(:ids)
    """,
    "DELETE FROM shift WHERE doctor_id = ANY(:ids)",
    "DELETE FROM shift_exception WHERE doctor_id = ANY(:ids)",
)
PERSON: Sequence[str] = (
    "DELETE FROM patient_profile WHERE user_id = ANY(:ids)",
    "DELETE FROM address WHERE user_id = ANY(:ids)",
    "DELETE FROM clinic_member WHERE user_id = ANY(:ids)",
    "DELETE FROM verification_code WHERE user_id = ANY(:ids)",
    "DELETE FROM notification WHERE user_id = ANY(:ids)",
    # What staff were told about the person.
    """
    DELETE FROM notification
     WHERE facts ->> 'doctor_id' = ANY(CAST(:ids AS text[]))
    """,
    "DELETE FROM idempotency_record WHERE user_id = ANY(:ids)",
    "DELETE FROM totp_secret WHERE user_id = ANY(:ids)",
    "DELETE FROM recovery_code WHERE user_id = ANY(:ids)",
    "DELETE FROM staff_session WHERE user_id = ANY(:ids)",
    "DELETE FROM refresh_token WHERE user_id = ANY(:ids)",
    """
    UPDATE consent SET client_address = NULL,
           withdrawn_at = coalesce(withdrawn_at, app_now())
     WHERE user_id = ANY(:ids)
    """,
    """
    UPDATE role_grant SET reason = NULL,
           revoke_reason = CASE WHEN revoked_at IS NULL THEN 'erased' END,
           revoked_by = CASE WHEN revoked_at IS NULL THEN :actor_id
                             ELSE revoked_by END,
           revoked_at = coalesce(revoked_at, app_now())
     WHERE user_id = ANY(:ids)
    """,
    """
    UPDATE app_user SET first_name = '', last_name = '—', middle_name = NULL,
           email = NULL, phone = NULL, claimed_phone = NULL, password_hash = NULL,
           oidc_subject = NULL, email_verified_at = NULL, phone_verified_at = NULL,
           blocked_reason = NULL, must_change_password = false,
           auth_version = auth_version + 1, erased_at = app_now()
     WHERE id = ANY(:ids)
    """,
)


async def empty(
    session: AsyncSession, ids: Sequence[uuid.UUID], **actor: object
) -> None:
    """Empty everything about these accounts; the caller has locked and checked."""
    for user_id in ids:
        await documents.forget_files(session, user_id)
    await session.flush()
    # The histories refuse every change but this one, and only inside this setting.
    await _erasing(session, "on")
    for statement in (*TEXTS, *TALK, *MONEY, *ABOARD, *PERSON):
        names = set(sa.text(statement).compile().params)
        given = {"ids": list(ids), **actor}
        used = {name: value for name, value in given.items() if name in names}
        await session.execute(sa.text(statement), used)
    await _erasing(session, "")
    # What the session has read before is no longer so.
    session.expire_all()


async def _erasing(session: AsyncSession, value: str) -> None:
    await session.execute(sa.select(sa.func.set_config("tot.erasing", value, True)))
