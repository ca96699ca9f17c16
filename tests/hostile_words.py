"""A call in which every text that anybody brings is hostile (A50).

Each payload tries to make an element or an attribute called x-evil, in the ways that
work where somebody forgot to escape: in text, in an attribute, in a field, in data for
a script.
"""

from collections.abc import Iterator
from itertools import cycle

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, QuickReply, TelegramLink
from models.booking import Status
from models.booking_words import CancelReason
from models.notification import NotificationChannel, NotificationStatus
from models.telegram import LinkState
from services import assignments, bookings, chat, clock
from tests import factories
from tests.talking import Talk, say, talk

EVIL = "x-evil"
PAYLOADS = (
    f"<{EVIL}>",
    f"<script {EVIL}>alert(1)</script>",
    f"<img src=x onerror=alert(1) {EVIL}>",
    f'"><{EVIL}>',
    f"'><{EVIL}>",
    f'" {EVIL}="1" onfocus="alert(1)" autofocus="',
    f"' {EVIL}='1' onmouseover='alert(1)",
    f"</textarea><{EVIL}>",
    f"</title><{EVIL}>",
    f"</script><{EVIL}>",
    f"--><{EVIL}>",
    f"]]><{EVIL}>",
    f"<svg/onload=alert(1) {EVIL}>",
    f"&lt;{EVIL}&gt;<{EVIL}>",
    "javascript:alert(1)",
    "{{7*191}}${7*191}<%= 7*191 %>",
)


def payloads() -> Iterator[str]:
    return cycle(PAYLOADS)


async def hostile(session: AsyncSession) -> Talk:
    """A call in which everybody's every text is hostile; a cancelled one beside it."""
    here = await talk(session, Status.PENDING)
    told = payloads()
    for user in (here.patient_user, here.doctor_user, here.dispatcher_user):
        user.first_name, user.last_name, user.middle_name = (
            next(told) for _ in range(3)
        )
    booking = here.booking
    booking.symptoms = " ".join(PAYLOADS)
    booking.address_text = " ".join(PAYLOADS[:6])
    booking.address_notes = " ".join(PAYLOADS[6:])
    booking.entrance, booking.floor = "'><x-evil>", '"><x-evil>'
    booking.subject_name, booking.district = PAYLOADS[2], PAYLOADS[3]
    booking.subject_allergies = " ".join(PAYLOADS)
    await session.flush()
    await _work(session, here)
    await _talk(session, here)
    return here


async def _work(session: AsyncSession, here: Talk) -> None:
    await assignments.assign(session, here.desk, here.id, here.doctor_user.id, None)
    for walk in factories.PATH[Status.IN_PROGRESS]:
        await walk(session, here.booking, here.doctor_user)
    other = await factories.booking(
        session, here.patient_user, symptoms=" ".join(PAYLOADS)
    )
    await bookings.cancel(
        session, here.desk, other.id, CancelReason.OTHER, " ".join(PAYLOADS)
    )


async def _talk(session: AsyncSession, here: Talk) -> None:
    for actor in (here.patient, here.doctor, here.desk):
        await say(session, actor, here.id, " ".join(PAYLOADS))
    for name in PAYLOADS[:8]:
        taken = factories.taken(file_name=name)
        await chat.send(session, here.patient, here.id, name, None, taken)
    rude = await say(session, here.doctor, here.id, PAYLOADS[0])
    await chat.hide(session, here.desk, rude.id, " ".join(PAYLOADS))
    now = await clock.now(session)
    session.add_all(
        [
            QuickReply(position=90, text=" ".join(PAYLOADS)),
            TelegramLink(
                user_id=here.patient_user.id,
                state=LinkState.LINKED,
                code_hash="x",
                expires_at=now,
                chat_id=5,
                chat_name=PAYLOADS[2],
                linked_at=now,
            ),
            Notification(
                user_id=here.patient_user.id,
                channel=NotificationChannel.EMAIL,
                address=f"{PAYLOADS[3]}@example.org",
                kind="booking_accepted",
                facts={"call": PAYLOADS[0], "doctor": PAYLOADS[2]},
                status=NotificationStatus.DEAD,
                last_error=" ".join(PAYLOADS),
                booking_id=here.id,
            ),
        ]
    )
    await session.flush()
