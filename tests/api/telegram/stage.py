"""People with phones around one bot; each act is handled before the next line."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from api.telegram.polling import Poll
from models import Booking, Consent, Notification, User
from models.booking import Status
from models.notification import NotificationChannel, NotificationStatus
from models.role_grant import Role
from services import notification_delivery, telegram_content
from services.database import Sessions
from services.edges import in_transaction
from tests import factories
from tests.telegram_accounts import link
from tests.telegram_server import Phone, Telegram

Result = TypeVar("Result")


@dataclass
class Stage:
    """The bot, the database and the phones."""

    telegram: Telegram
    sessions: Sessions
    poll: Poll

    async def do(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """Commit a piece of work."""
        return await in_transaction(self.sessions, work)

    async def heard(self) -> None:
        """Let the bot handle what waits for it; something must."""
        await self.poll.once()

    async def linked(self, user: User, chat_id: int, role: Role) -> Phone:
        phone = self.telegram.phone(chat_id, name=user.first_name)
        phone.start()
        await self.heard()
        await self.do(lambda own: link(own, user, chat_id, role))
        return phone

    async def doctor(self, chat_id: int = 101, **facts: Any) -> tuple[User, Phone]:
        user = await self.do(lambda own: factories.doctor(own, **facts))
        return user, await self.linked(user, chat_id, Role.DOCTOR)

    async def patient(self, chat_id: int = 202) -> tuple[User, Phone]:
        user = await self.do(factories.patient)
        return user, await self.linked(user, chat_id, Role.PATIENT)

    async def content(self, *patients: User, on: bool = True) -> None:
        """Let Telegram carry content, with these patients' consent."""

        async def work(own: AsyncSession) -> None:
            admin = await factories.person(own, Role.ADMIN)
            actor = factories.as_staff(admin, Role.ADMIN)
            await telegram_content.put(own, actor, on, "Проба")
            for each in patients:
                own.add(
                    Consent(user_id=each.id, kind=telegram_content.CONSENT, version="1")
                )

        await self.do(work)

    async def call(
        self,
        patient: User,
        doctor: User | None = None,
        status: Status = Status.ASSIGNED,
    ) -> Booking:
        async def work(own: AsyncSession) -> Booking:
            if doctor is None:
                return await factories.booking(own, patient)
            staff = await factories.dispatcher(own)
            return await factories.booking_in(
                own, status, doctor=doctor, dispatcher=staff, by=patient
            )

        return await self.do(work)

    async def now(self, booking: Booking) -> Booking:
        """The call as the database has it."""
        return await self.do(lambda own: own.get_one(Booking, booking.id))

    async def delivered(self) -> None:
        """Send whatever waits for Telegram."""
        query = sa.select(col(Notification.id)).where(
            col(Notification.channel) == NotificationChannel.TELEGRAM,
            col(Notification.status) == NotificationStatus.QUEUED,
        )
        ids = await self.do(
            lambda own: own.scalars(query.order_by(col(Notification.id)))
        )
        for each in ids.all():
            await notification_delivery.deliver(self.sessions, each)

    async def tapped(self, phone: Phone, text: str) -> None:
        """Tap the newest button that begins like this."""
        found = (
            (each["message_id"], key)
            for each in reversed(phone.received)
            for key in phone.buttons(each)
            if key.startswith(text)
        )
        message_id, key = next(found)
        phone.tap(key, message_id)
        await self.heard()

    async def row(self, booking: Booking) -> dict[str, Any]:
        """Every column of a call."""
        return (await self.now(booking)).model_dump()

    async def said(self, phone: Phone, text: str) -> None:
        phone.say(text)
        await self.heard()
