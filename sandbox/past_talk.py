"""What was said about the calls of the past: by COPY's side door, true to the rules.

Each told step has its line, as services.chat_steps would have written it, and about
some of them people talked. All of it has been read.
"""

import json
import uuid

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from sandbox.phrases import STAGE_OF, STAGES
from services import bulk_loader
from services.chat_words import TOLD

TABLES = ("message", "message_read")
# One talk for so many of a hundred steps that begin a stage.
SHARE = 16
MESSAGES = """
INSERT INTO message (id, created_at, updated_at, booking_id, seq, kind, sender_id,
                     sender_role, via, text, event, data)
SELECT gen_random_uuid(), at, at, booking_id,
       row_number() OVER (PARTITION BY booking_id ORDER BY at, place),
       kind, sender_id, sender_role, via, text, event, data
  FROM (
    SELECT e.booking_id, e.created_at AS at, 0 AS place, 'system' AS kind,
           CAST(NULL AS uuid) AS sender_id, 'system' AS sender_role, e.via,
           CAST(NULL AS text) AS text, e.event,
           CASE WHEN e.data ? 'doctor_id'
                THEN jsonb_build_object('doctor_id', e.data -> 'doctor_id')
                ELSE '{}' END AS data
      FROM booking_event e WHERE e.event = ANY(:told)
    UNION ALL
    SELECT e.booking_id, e.created_at + make_interval(secs => line.after), line.place,
           'text',
           CASE line.role WHEN 'patient' THEN b.patient_id
                          WHEN 'doctor' THEN CAST(e.data ->> 'doctor_id' AS uuid)
                          ELSE :dispatcher END,
           line.role, CASE line.role WHEN 'dispatcher' THEN 'console' ELSE 'api' END,
           line.text, NULL, '{}'
      FROM booking_event e
      JOIN booking b ON b.id = e.booking_id AND b.source = 'api'
      JOIN LATERAL (
        SELECT talk.value FROM jsonb_array_elements(CAST(:talks AS jsonb) -> e.event)
               WITH ORDINALITY AS talk (value, place)
         WHERE talk.place = 1 + abs(hashtext(e.id || ' which'))
               % jsonb_array_length(CAST(:talks AS jsonb) -> e.event)
      ) chosen ON abs(hashtext(e.id || ' whether')) % 100 < :share
      CROSS JOIN LATERAL jsonb_to_recordset(chosen.value)
                         AS line (place int, role text, text text, after int)
  ) AS said
"""
MARKS = """
INSERT INTO message_read (id, created_at, updated_at, booking_id, role, user_id,
                          up_to_seq)
SELECT gen_random_uuid(), max(m.created_at), max(m.created_at), m.booking_id, side.role,
       side.user_id, max(m.seq)
  FROM message m
  JOIN booking b ON b.id = m.booking_id
  CROSS JOIN LATERAL (
    SELECT 'patient' AS role, b.patient_id AS user_id
    UNION ALL SELECT 'dispatcher', NULL
    UNION ALL SELECT DISTINCT 'doctor', a.doctor_id FROM assignment a
               WHERE a.booking_id = b.id
  ) AS side
 WHERE EXISTS (SELECT FROM message t WHERE t.booking_id = b.id AND t.kind = 'text')
 GROUP BY m.booking_id, side.role, side.user_id
"""


async def load(session: AsyncSession, dispatcher_id: uuid.UUID) -> None:
    """Write the conversations of all calls that there are; there must be none yet."""
    await bulk_loader.be_patient(session)
    given = {
        "told": [str(each) for each in TOLD],
        "talks": json.dumps(_talks()),
        "share": SHARE,
        "dispatcher": dispatcher_id,
    }
    async with bulk_loader.unfettered(session, *TABLES):
        await session.execute(sa.text(MESSAGES), given)
    await session.execute(sa.text(MARKS))
    await bulk_loader.analyze(session, *TABLES)


def _talks() -> dict[str, list[list[dict[str, object]]]]:
    """Two lines for each exchange, within the minute that a step lasts at least."""
    return {
        step: [
            [
                {"place": place, "role": role, "text": text, "after": place * 20}
                for place, (role, text) in enumerate(each.lines(), 1)
            ]
            for each in STAGES[stage]
        ]
        for step, stage in STAGE_OF.items()
    }
