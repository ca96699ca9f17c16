"""The rules of talk: numbers, marks, senders, Telegram, and notices on their way."""

from services.i18n import Lazy
from services.invariant_rules import Rule

MESSAGE_RULES = (
    Rule(
        "messages_have_no_gaps",
        Lazy("The messages of a call are numbered from 1 without gaps."),
        """SELECT booking_id, concat(count(*), ' of ', max(seq)) FROM message
        GROUP BY booking_id HAVING count(*) <> max(seq) OR min(seq) <> 1""",
    ),
    Rule(
        "marks_end_with_the_talk",
        Lazy("Nobody has read further than was written."),
        """SELECT r.booking_id, concat(r.role, ' ', r.up_to_seq) FROM message_read r
        WHERE r.up_to_seq > coalesce((SELECT max(m.seq) FROM message m
                                      WHERE m.booking_id = r.booking_id), 0)""",
    ),
    Rule(
        "senders_had_a_part",
        Lazy("Whoever wrote is the call's patient, had a turn at it, or is staff."),
        """SELECT m.booking_id, concat(m.sender_role, ' ', m.seq)
        FROM message m JOIN booking b ON b.id = m.booking_id
        WHERE (m.sender_role = 'patient' AND m.sender_id <> b.patient_id
               AND NOT EXISTS (SELECT FROM app_user u WHERE u.id = m.sender_id
                                AND u.merged_into = b.patient_id))
           OR (m.sender_role = 'doctor'
               AND NOT EXISTS (SELECT FROM assignment a WHERE a.booking_id = b.id
                                AND a.doctor_id = m.sender_id))
           OR (m.sender_role = 'dispatcher' AND m.sender_id = b.patient_id)""",
    ),
    Rule(
        "told_steps_have_happened",
        Lazy("What a conversation says of its call stands in the call's history."),
        """SELECT m.booking_id, concat(m.event, ' ', m.seq) FROM message m
        WHERE m.event IS NOT NULL
          AND NOT EXISTS (SELECT FROM booking_event e
            WHERE e.booking_id = m.booking_id AND e.event = m.event)""",
    ),
    Rule(
        "hidden_messages_are_journalled",
        Lazy("Each hidden message has its line in the journal."),
        """SELECT m.booking_id, m.seq FROM message m WHERE m.hidden_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM audit_event a
            WHERE a.object_id = m.booking_id AND a.action = 'message.hidden'
              AND a.actor_id = m.hidden_by
              AND a.data ->> 'seq' = CAST(m.seq AS text))""",
    ),
)

TELEGRAM_RULES = (
    Rule(
        "one_chat_one_account",
        Lazy("A Telegram chat belongs to one account, an account to one chat."),
        """SELECT CAST(user_id AS text), count(*) FROM telegram_link
        WHERE state = 'linked' GROUP BY user_id HAVING count(*) > 1
        UNION ALL
        SELECT concat('chat ', chat_id), count(*) FROM telegram_link
        WHERE state = 'linked' GROUP BY chat_id HAVING count(*) > 1""",
    ),
    Rule(
        "chats_of_the_living",
        Lazy("Nobody who is blocked or erased has a linked Telegram chat."),
        """SELECT l.user_id, l.linked_at FROM telegram_link l
        JOIN app_user u ON u.id = l.user_id
        WHERE l.state = 'linked'
          AND (u.blocked_at IS NOT NULL OR u.erased_at IS NOT NULL)""",
    ),
)

NOTICE_RULES = (
    Rule(
        "waiting_notices_are_tried",
        Lazy("A notice that waits to be sent has a moment of its next try."),
        """SELECT id, kind FROM notification
        WHERE status = 'queued' AND (next_try_at IS NULL OR address IS NULL)""",
    ),
    Rule(
        "replaced_notices_go_on",
        Lazy("Where a channel gave up, the next one of its chain took over."),
        """SELECT n.id, n.kind FROM notification n
        WHERE n.status = 'replaced'
          AND NOT EXISTS (SELECT FROM notification later
            WHERE later.chain_id = n.chain_id AND later.id > n.id)""",
    ),
)

TALK_RULES = MESSAGE_RULES + TELEGRAM_RULES + NOTICE_RULES
