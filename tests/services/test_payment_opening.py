"""Beginning to pay: whose, how much, under which key, and never two at once."""

import json
import uuid
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Booking, Payment, User
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentMethod, PaymentStatus
from services import (
    bookings,
    clock,
    ledger,
    payment_opening,
    postings,
    visit_money,
)
from services.config import Profile, Settings, get_settings, use_settings
from services.errors import (
    Forbidden,
    InsufficientFunds,
    NotFound,
    NothingToPay,
    TooManyRequests,
    Unavailable,
    ValidationFailed,
)
from services.payment_opening import Opened, Wish
from tests import factories
from tests.conftest import settle
from tests.paying import (
    CARD,
    PRICE,
    SBP,
    WALLET,
    fill_wallet,
    paid_through,
    priced_booking,
)

pytestmark = pytest.mark.usefixtures("provider")


async def begin(
    session: AsyncSession,
    booking: Booking,
    method: PaymentMethod = CARD,
    return_url: str | None = None,
) -> Opened:
    user = await session.get_one(User, booking.patient_id)
    return await payment_opening.begin(
        session, factories.as_patient(user), booking.id, Wish(method, return_url)
    )


async def test_an_attempt_is_at_all_that_is_owed_and_has_its_key_and_body(
    session: AsyncSession, settings: Settings
) -> None:
    booking = await priced_booking(session)
    opened = await begin(session, booking)
    payment = opened.payment
    assert opened.to_be_sent
    assert (payment.status, payment.amount_kopecks) == (PaymentStatus.CREATED, PRICE)
    assert (payment.booking_id, payment.payer_id) == (booking.id, booking.patient_id)
    assert payment.key_used_at is not None
    body = json.loads(payment.request_body)
    assert body["amount"] == {"currency": "RUB", "value": "4500.00"}
    assert body["capture"] is True
    assert body["metadata"]["attempt_id"] == str(payment.id)
    assert body["metadata"]["booking_id"] == str(booking.id)
    assert body["metadata"]["env"] == "test"
    page = f"{settings.base_url}/payments/{payment.id}/return"
    assert body["confirmation"] == {"type": "redirect", "return_url": page}
    assert "receipt" not in body
    await settle(session)


async def test_nothing_medical_and_no_name_goes_to_the_provider(
    session: AsyncSession,
) -> None:
    booking = await priced_booking(session)
    user = await session.get_one(User, booking.patient_id)
    body = (await begin(session, booking)).payment.request_body
    words = json.dumps(json.loads(body), ensure_ascii=False)
    for private in (user.last_name, user.phone, booking.symptoms, booking.address_text):
        assert private not in words


async def test_sbp_asks_for_a_qr_link_or_for_a_page_as_the_shop_can(
    session: AsyncSession, settings: Settings, provider
) -> None:
    booking = await priced_booking(session)
    body = json.loads((await begin(session, booking, SBP)).payment.request_body)
    assert body["confirmation"]["type"] == "qr"
    assert body["payment_method_data"] == {"type": "sbp"}
    with paid_through(provider, settings, yookassa_sbp_qr=False):
        other = await priced_booking(session)
        body = json.loads((await begin(session, other, SBP)).payment.request_body)
    assert body["confirmation"]["type"] == "redirect"


async def test_the_same_method_finds_the_open_attempt(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    first = await begin(session, booking)
    again = await begin(session, booking)
    assert (again.payment.id, again.fresh) == (first.payment.id, False)
    assert not again.to_be_sent


async def test_another_method_supersedes_the_open_attempt(
    session: AsyncSession,
) -> None:
    booking = await priced_booking(session)
    first = await begin(session, booking)
    second = await begin(session, booking, SBP)
    assert second.fresh
    assert second.payment.id != first.payment.id
    assert first.payment.superseded_at is not None
    assert first.payment.is_open
    assert first.payment.next_look_at is not None
    money = (await visit_money.money_of(session, [booking.id]))[booking.id]
    assert money.payment_state == "pending"
    await settle(session)


async def test_an_attempt_at_another_sum_is_superseded(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    first = await begin(session, booking)
    booking.extras_kopecks = 100_000
    await session.flush()
    second = await begin(session, booking)
    assert second.payment.amount_kopecks == PRICE + 100_000
    assert first.payment.superseded_at is not None


async def test_an_attempt_that_ran_out_is_superseded(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    first = await begin(session, booking)
    first.payment.expires_at = await clock.now(session)
    await session.flush()
    assert (await begin(session, booking)).fresh


@pytest.mark.parametrize("method", list(PaymentMethod))
async def test_a_call_of_somebody_else_is_not_found(
    session: AsyncSession, method: PaymentMethod
) -> None:
    booking = await priced_booking(session)
    other = await factories.patient(session)
    for booking_id in (booking.id, factories.nobody()):
        with pytest.raises(NotFound):
            await payment_opening.begin(
                session, factories.as_patient(other), booking_id, Wish(method)
            )


@pytest.mark.parametrize("method", list(PaymentMethod))
async def test_a_call_by_phone_is_not_found_before_the_number_is_proven(
    session: AsyncSession, settings: Settings, method: PaymentMethod
) -> None:
    await factories.price(session, price_kopecks=PRICE)
    user = await factories.patient(session)
    staff = factories.as_staff(await factories.dispatcher(session))
    draft = factories.phone_draft(patient_id=user.id)
    booking = await bookings.create(session, staff, draft)
    strict = get_settings().model_copy(update={"require_verified_phone": True})
    use_settings(strict)
    with pytest.raises(NotFound):
        await begin(session, booking, method)
    user.phone_verified_at = await clock.now(session)
    await session.flush()
    with suppress(InsufficientFunds):
        assert (await begin(session, booking, method)).fresh


@pytest.mark.parametrize("act", [factories.as_doctor, factories.as_staff])
async def test_only_patients_pay(session: AsyncSession, act) -> None:
    booking = await priced_booking(session)
    user = await session.get_one(User, booking.patient_id)
    with pytest.raises(Forbidden):
        await payment_opening.begin(session, act(user), booking.id, Wish(CARD))


async def test_a_cancelled_call_has_nothing_to_pay(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    staff = factories.as_staff(await factories.dispatcher(session))
    await bookings.cancel(session, staff, booking.id, CancelReason.NO_DOCTOR)
    for method in PaymentMethod:
        with pytest.raises(NothingToPay):
            await begin(session, booking, method)


async def test_a_sum_below_a_rouble_cannot_be_paid_online(
    session: AsyncSession,
) -> None:
    await factories.price(session, price_kopecks=99)
    booking = await factories.booking(session)
    with pytest.raises(NothingToPay) as refused:
        await begin(session, booking)
    assert "1 ₽" in refused.value.message


async def test_without_a_provider_only_the_wallet_pays(
    session: AsyncSession, settings: Settings
) -> None:
    booking = await priced_booking(session)
    use_settings(settings)
    with pytest.raises(Unavailable):
        await begin(session, booking)
    with pytest.raises(InsufficientFunds):
        await begin(session, booking, WALLET)


@pytest.mark.parametrize(
    "address",
    [
        "https://clinic.example/paid?order=1",
        "https://clinic.example:8443/",
        "http://127.0.0.1:8000/paid",
        "http://[::1]/paid",
        "http://localhost:3000/paid",
    ],
)
async def test_the_patient_may_say_where_to_return(
    session: AsyncSession, address: str
) -> None:
    booking = await priced_booking(session)
    payment = (await begin(session, booking, CARD, address)).payment
    body = json.loads(payment.request_body)
    assert body["confirmation"]["return_url"] == payment.return_url == address


@pytest.mark.parametrize(
    "address",
    [
        "http://clinic.example/paid",
        "http://127.0.0.1.evil.example/",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "//clinic.example/",
        "https://",
        "https://user:word@clinic.example/",
        "https://clinic.example\\@evil.example/",
        "https://clinic.example:port/",
        "https://[::1/",
        "https://clinic.example/ paid",
        "https://clinic.example/\n",
        "https://клиника.рф/",
        "https://clinic.example/" + "x" * 2048,
        "",
    ],
)
async def test_a_dangerous_address_to_return_to_is_refused(
    session: AsyncSession, address: str
) -> None:
    booking = await priced_booking(session)
    with pytest.raises(ValidationFailed) as refused:
        await begin(session, booking, CARD, address)
    assert refused.value.facts["errors"][0]["field"] == "return_url"


async def test_in_production_nobody_returns_to_a_plain_address(
    session: AsyncSession, settings: Settings, provider
) -> None:
    booking = await priced_booking(session)
    with paid_through(provider, settings, profile=Profile.PRODUCTION):
        with pytest.raises(ValidationFailed):
            await begin(session, booking, CARD, "http://127.0.0.1/paid")
        assert (await begin(session, booking, CARD, "https://clinic.example/")).fresh


async def test_the_address_of_a_qr_link_is_shorter(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    address = "https://clinic.example/" + "x" * 1010
    with pytest.raises(ValidationFailed):
        await begin(session, booking, SBP, address)
    assert (await begin(session, booking, CARD, address)).fresh


async def test_a_wallet_pays_at_once_by_the_ledger_alone(
    session: AsyncSession,
) -> None:
    user = await factories.patient(session)
    await fill_wallet(session, user, PRICE + 1)
    booking = await priced_booking(session, user)
    opened = await begin(session, booking, WALLET)
    payment = opened.payment
    assert opened.fresh
    assert not opened.to_be_sent
    assert payment.status is PaymentStatus.SUCCEEDED
    assert payment.captured_kopecks == payment.amount_kopecks == PRICE
    assert await ledger.balance(session, postings.wallet(user.id)) == 1
    assert await ledger.balance(session, postings.prepaid(booking.id)) == PRICE
    money = (await visit_money.money_of(session, [booking.id]))[booking.id]
    assert (money.payment_state, money.paid) == ("paid", PRICE)
    await settle(session)
    with pytest.raises(NothingToPay):
        await begin(session, booking, WALLET)


async def test_a_wallet_supersedes_the_open_attempt(session: AsyncSession) -> None:
    user = await factories.patient(session)
    await fill_wallet(session, user, PRICE)
    booking = await priced_booking(session, user)
    first = await begin(session, booking)
    paid = await begin(session, booking, WALLET)
    await session.refresh(first.payment)
    assert first.payment.superseded_at is not None
    assert first.payment.is_open
    kept = await session.get_one(Payment, paid.payment.id)
    await session.refresh(kept)
    for column in ("method", "status", "amount_kopecks", "captured_kopecks"):
        assert getattr(kept, column) == getattr(paid.payment, column)
    for moment in ("created_at", "succeeded_at", "ended_at"):
        assert getattr(kept, moment) == getattr(paid.payment, moment)
    query = sa.select(col(AuditEvent.action), col(AuditEvent.object_id))
    lines = {tuple(row) for row in await session.execute(query)}
    assert ("payment.superseded", first.payment.id) in lines
    assert ("payment.succeeded", paid.payment.id) in lines
    await settle(session)


async def test_a_wallet_that_holds_less_changes_nothing(session: AsyncSession) -> None:
    user = await factories.patient(session)
    await fill_wallet(session, user, PRICE - 1)
    booking = await priced_booking(session, user)
    first = await begin(session, booking)
    with pytest.raises(InsufficientFunds):
        async with session.begin_nested():
            await begin(session, booking, WALLET)
    await session.refresh(first.payment)
    assert first.payment.superseded_at is None
    assert await ledger.balance(session, postings.wallet(user.id)) == PRICE - 1


async def test_a_finished_visit_is_paid_into_what_it_is_owed(
    session: AsyncSession,
) -> None:
    user = await factories.patient(session)
    await fill_wallet(session, user, PRICE)
    booking = await factories.booking_in(
        session,
        Status.COMPLETED,
        doctor=await factories.doctor(session),
        dispatcher=await factories.dispatcher(session),
        by=user,
    )
    assert await ledger.balance(session, postings.receivable(booking.id)) == PRICE
    payment = (await begin(session, booking, WALLET)).payment
    assert payment.status is PaymentStatus.SUCCEEDED
    assert await ledger.balance(session, postings.receivable(booking.id)) == 0
    assert await ledger.balance(session, postings.prepaid(booking.id)) == 0
    await settle(session)


async def test_every_step_is_in_the_journal(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    first = await begin(session, booking)
    await begin(session, booking, SBP)
    query = sa.select(col(AuditEvent.action), col(AuditEvent.actor_id)).where(
        col(AuditEvent.object_id) == first.payment.id
    )
    lines = (await session.execute(query)).all()
    assert {action for action, _ in lines} == {"payment.opened", "payment.superseded"}
    assert {actor for _, actor in lines} == {booking.patient_id}


async def test_a_receipt_goes_along_where_the_shop_sends_them(
    session: AsyncSession, settings: Settings, provider
) -> None:
    booking = await priced_booking(session)
    user = await session.get_one(User, booking.patient_id)
    with paid_through(provider, settings, yookassa_receipts=True):
        body = json.loads((await begin(session, booking)).payment.request_body)
    assert body["receipt"]["customer"] == {"email": user.email}
    [line] = body["receipt"]["items"]
    assert line["amount"]["value"] == "4500.00"
    assert line["payment_mode"] == "full_prepayment"


async def test_attempts_at_one_call_are_limited(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    for number in range(payment_opening.MOST_AN_HOUR):
        assert (await begin(session, booking, (CARD, SBP)[number % 2])).fresh
    with pytest.raises(TooManyRequests) as refused:
        async with session.begin_nested():
            await begin(session, booking, CARD)
    assert refused.value.facts["retry_after"] > 0
    assert not (await begin(session, booking, SBP)).fresh
    assert (await begin(session, await priced_booking(session))).fresh


async def test_one_open_attempt_is_a_rule_of_the_database(
    session: AsyncSession,
) -> None:
    booking = await priced_booking(session)
    await begin(session, booking)
    twin = Payment(
        id=uuid.uuid4(),
        booking_id=booking.id,
        payer_id=booking.patient_id,
        method=CARD,
        amount_kopecks=PRICE,
        request_body="{}",
    )
    with pytest.raises(sa.exc.IntegrityError, match="uq_payment_open"):
        async with session.begin_nested():
            session.add(twin)
