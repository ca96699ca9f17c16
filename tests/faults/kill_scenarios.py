"""What is under way when a process dies, for every flow that has failpoints.

A scenario sets the stage in this process and gives the deed that a child dies of.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from models import Payment, Receipt, Refund, User, WebhookInbox
from models.booking import Status
from models.receipt import ReceiptKind
from models.refund import Destination
from services import (
    clock,
    payment_sending,
    payment_watch,
    receipt_sending,
    refund_sending,
    refunds,
    webhook_handling,
    webhook_inbox,
)
from services.database import Sessions
from services.edges import transaction
from tests import earning, factories, paying, refunding
from tests.api.helpers import key, signed_in
from tests.faults.fork_server import Deed, ForkServer
from tests.yookassa_server import YooKassa


@dataclass
class House:
    """Our database, the provider, and the process whose children die."""

    sessions: Sessions
    provider: YooKassa
    server: ForkServer


Scenario = Callable[[House], Awaitable[Deed]]


async def _due(house: House, row: Payment | Refund) -> None:
    async with transaction(house.sessions) as session:
        found = await session.get_one(type(row), row.id)
        found.next_look_at = await clock.now(session)


async def _paid(house: House) -> Payment:
    """An attempt that the provider has, paid there, of which we have not heard."""
    made = await paying.sent(house.sessions, await paying.new_booking(house.sessions))
    house.provider.pay(made.provider_id or "")
    return made


async def wish(house: House, method: str = "card") -> Deed:
    """A patient asks to pay."""
    async with transaction(house.sessions) as session:
        user = await factories.patient(session)
        booking = await paying.priced_booking(session, user)
        await paying.fill_wallet(session, user, paying.PRICE)
    headers = await signed_in(house.sessions, user) | key()
    place = f"/v1/bookings/{booking.id}/payments"
    return Deed("ask", place, {"method": method}, headers)


async def wish_by_sbp(house: House) -> Deed:
    """A patient asks to pay by SBP."""
    return await wish(house, "sbp")


async def wish_from_wallet(house: House) -> Deed:
    """A patient pays from the wallet."""
    return await wish(house, "wallet")


async def second_wish(house: House) -> Deed:
    """A patient changes the mind about how to pay: the first attempt is superseded."""
    deed = await wish(house)
    assert house.server.do(deed) == 0
    return Deed("ask", deed.about, {"method": "sbp"}, {**(deed.headers or {}), **key()})


async def look_at_unsent(house: House) -> Deed:
    """An attempt whose first call was never made is followed up."""
    booking = await paying.new_booking(house.sessions)
    payment = await paying.opened(house.sessions, booking)
    await _due(house, payment)
    return Deed(payment_watch.LOOK, str(payment.id))


async def _unheard(house: House) -> Payment:
    """An attempt that was made and paid, and whose answer was lost."""
    booking = await paying.new_booking(house.sessions)
    payment = await paying.opened(house.sessions, booking)
    outcome = await payment_sending.ask(payment, flow="payment")
    house.provider.pay(outcome.raw["id"])  # type: ignore[union-attr]
    return payment


async def look_at_unheard(house: House) -> Deed:
    """An attempt whose answer was lost is followed up."""
    payment = await _unheard(house)
    await _due(house, payment)
    return Deed(payment_watch.LOOK, str(payment.id))


async def look_at_old(house: House) -> Deed:
    """The same, so late that the key serves no more."""
    payment = await _unheard(house)
    await paying.age(house.sessions, payment, 23.2)
    await _due(house, payment)
    return Deed(payment_watch.LOOK, str(payment.id))


async def look_at_paid(house: House) -> Deed:
    """An attempt that was paid is asked for by its id."""
    payment = await _paid(house)
    await _due(house, payment)
    return Deed(payment_watch.LOOK, str(payment.id))


def notice(event: str, about: str) -> dict[str, Any]:
    """Give what the provider tells."""
    return {"type": "notification", "event": event, "object": {"id": about}}


async def notice_comes(house: House) -> Deed:
    """The provider tells of a payment."""
    payment = await _paid(house)
    body = notice("payment.succeeded", payment.provider_id or "")
    return Deed("ask", paying.HOOK, body)


async def _stored(house: House, event: str, about: str) -> Deed:
    body = str(notice(event, about)).replace("'", '"').encode()
    async with transaction(house.sessions) as session:
        await webhook_inbox.receive(session, body)
        found = (await session.exec(select(WebhookInbox))).all()[-1]
    return Deed(webhook_handling.HANDLE, str(found.id))


async def notice_of_payment(house: House) -> Deed:
    """A stored notice of a payment is looked into."""
    payment = await _paid(house)
    return await _stored(house, "payment.succeeded", payment.provider_id or "")


async def notice_of_refund(house: House) -> Deed:
    """A stored notice of a refund, made by hand there, is looked into."""
    stage = await refunding.paid_online(house.sessions, house.provider)
    made = house.provider.cabinet_refund(stage.payment.provider_id or "", 100_000)
    return await _stored(house, "refund.succeeded", made["id"])


async def late_payment(house: House) -> Deed:
    """A notice says that a call was paid after it was called off."""
    payment = await _paid(house)
    async with transaction(house.sessions) as session:
        payer = await session.get_one(User, payment.payer_id)
        await refunding.bookings.cancel(
            session,
            factories.as_patient(payer),
            payment.booking_id,
            refunding.CancelReason.PATIENT_CHANGED_MIND,
        )
    return await _stored(house, "payment.succeeded", payment.provider_id or "")


async def _cancelled(house: House) -> Refund:
    stage = await refunding.paid_online(house.sessions, house.provider)
    refund = await refunding.cancelled(house.sessions, stage)
    await _due(house, refund)
    return refund


async def refund_goes(house: House) -> Deed:
    """A refund is sent for the first time."""
    return Deed(refund_sending.SEND, str((await _cancelled(house)).id))


async def _died(house: House, failpoint: str) -> Deed:
    """A refund whose first sending died at a failpoint is followed up."""
    refund = await _cancelled(house)
    deed = Deed(refund_sending.SEND, str(refund.id))
    house.server.do(deed, f"{failpoint}:kill")
    await _due(house, refund)
    return deed


async def refund_unsent(house: House) -> Deed:
    """A refund whose call was never made is followed up."""
    return await _died(house, "refund_create.before_call")


async def refund_unheard(house: House) -> Deed:
    """A refund that was made, and whose answer was lost, is followed up."""
    return await _died(house, "refund_create.after_call")


async def refund_followed(house: House) -> Deed:
    """A refund that was pending there, and has gone through, is asked for."""
    sent = {"method": "POST", "path_re": "refunds"}
    house.provider.faults("refund_stuck_pending", match=sent)
    refund = await _cancelled(house)
    await refund_sending.send(house.sessions, refund.id)
    refund = await refunding.again(house.sessions, refund)
    house.provider.finish_refund(refund.provider_id or "")
    await _due(house, refund)
    return Deed(refund_sending.SEND, str(refund.id))


async def transfer_not_made(house: House) -> Deed:
    """The approval of a transfer by hand has run out."""
    sessions = house.sessions
    stage = await refunding.paid_online(sessions, house.provider, Status.COMPLETED)
    async with transaction(sessions) as session:
        asked = refunding.house(stage.payment, 100_000, destination=Destination.MANUAL)
        refund = await refunds.request(session, stage.anna, asked)
        seal = refunding.seal(stage, refund)
        await refunds.approve(session, stage.boris, refund.id, seal)
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, refund.id)
        row.approval_expires_at = row.next_look_at = await clock.now(session)
    return Deed(refund_sending.SEND, str(refund.id))


async def closing_receipt(house: House) -> Deed:
    """The closing receipt of a prepaid visit goes to the provider."""
    async with transaction(house.sessions) as session:
        booking, _ = await earning.visit(session)
    payment = await paying.sent(house.sessions, booking)
    house.provider.pay(payment.provider_id or "")
    await paying.look(house.sessions, payment)
    async with transaction(house.sessions) as session:
        await earning.complete(session, booking)
        query = select(Receipt).where(col(Receipt.kind) == ReceiptKind.CLOSING)
        receipt = (await session.exec(query)).one()
    return Deed(receipt_sending.SEND, str(receipt.id))


CALL, COMMIT = "call", "commit"
WISHES = (wish, wish_by_sbp, second_wish)
NOTICES = (notice_of_payment, notice_of_refund, late_payment)
# Which scenarios pass the points of a flow around its call, and around its commit.
SCENARIOS: Mapping[tuple[str, str], tuple[Scenario, ...]] = {
    ("payment_open", COMMIT): (*WISHES, wish_from_wallet),
    ("payment", CALL): WISHES,
    ("payment", COMMIT): WISHES,
    ("payment_claim", COMMIT): (look_at_unsent, look_at_paid),
    ("payment_again", CALL): (look_at_unsent, look_at_unheard),
    ("payment_again", COMMIT): (look_at_unsent, look_at_unheard),
    ("payment_get", CALL): (look_at_paid,),
    ("payment_get", COMMIT): (look_at_paid,),
    ("payment_list", CALL): (look_at_old,),
    ("payment_list", COMMIT): (look_at_old,),
    ("webhook", COMMIT): (notice_comes,),
    ("webhook", CALL): NOTICES,
    ("webhook_claim", COMMIT): NOTICES,
    ("webhook_keep", COMMIT): NOTICES,
    ("refund_claim", COMMIT): (refund_goes, refund_unheard),
    ("refund_check", CALL): (refund_goes,),
    ("refund_open", COMMIT): (refund_goes,),
    ("refund_create", CALL): (refund_goes,),
    ("refund_create", COMMIT): (refund_goes,),
    ("refund_list", CALL): (refund_unsent, refund_unheard),
    ("refund_list", COMMIT): (refund_unsent, refund_unheard),
    ("refund_again", CALL): (refund_unsent,),
    ("refund_again", COMMIT): (refund_unsent,),
    ("refund_get", CALL): (refund_followed,),
    ("refund_get", COMMIT): (refund_followed,),
    ("refund_void", COMMIT): (transfer_not_made,),
    ("receipt_claim", COMMIT): (closing_receipt,),
    ("receipt", CALL): (closing_receipt,),
    ("receipt_keep", COMMIT): (closing_receipt,),
}
