"""Attacks on prices, by their names: A34 races, A38 prices of one's own, A39 minting.

There are no promo codes in the product, so that part of A34 has nothing to attack.
"""

import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, PriceItem, RefundClaim, Role, User
from models.base import uuid7
from models.booking import Status
from models.booking_words import CancelReason, ExtraConsent
from models.payment import PaymentMethod
from services import (
    bookings,
    extras,
    ledger,
    payment_opening,
    plain_tables,
    postings,
    visit_money,
    visits,
)
from services.actor import SYSTEM
from services.booking_drafts import ItemInput
from services.database import Sessions
from services.edges import transaction
from services.errors import DomainError, IllegalTransition, NotFound, NothingToPay
from services.payment_opening import Wish
from tests import earning, factories
from tests.api.helpers import registered, registration, signed_in, wrong_fields
from tests.earning import PRICE, held
from tests.factories import as_doctor, as_patient, as_staff
from tests.services.test_races import race

ROUNDS = 100 if os.environ.get("TOT_PROVE") else 8
WALLET = Wish(PaymentMethod.WALLET)


@pytest_asyncio.fixture(loop_scope="session")
async def client(app: FastAPI, sessions: Sessions) -> AsyncIterator[AsyncClient]:
    """The application without a socket; the tables are emptied afterwards."""
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://testserver"
    ) as made:
        yield made


async def staged(
    sessions: Sessions, status: Status = Status.IN_PROGRESS
) -> tuple[Booking, User, User]:
    """Give a call, its doctor and its patient with money for one visit."""
    async with transaction(sessions) as session:
        booking, doctor = await earning.visit(session, status)
        patient = await session.get_one(User, booking.patient_id)
        filled = postings.compensated(uuid7(), booking.id, patient.id, PRICE)
        await ledger.post(session, SYSTEM, filled)
    return booking, doctor, patient


async def pay(session: AsyncSession, booking: Booking, patient: User) -> object:
    return await payment_opening.begin(session, as_patient(patient), booking.id, WALLET)


@pytest.mark.race
class TestA34:
    """What happens at once is as if it happened one after the other."""

    async def test_a34_complete_and_cancel(self, sessions: Sessions) -> None:
        for _ in range(ROUNDS):
            booking, doctor, patient = await staged(sessions)
            async with transaction(sessions) as session:
                await pay(session, booking, patient)
            actor, why = as_doctor(doctor), CancelReason.REFUSED_ON_SITE
            ends = await race(
                sessions,
                lambda s: visits.complete(s, actor, booking.id, 30, "ОРВИ"),  # noqa: B023
                lambda s: bookings.cancel(s, actor, booking.id, why),  # noqa: B023
            )
            lost = [each for each in ends if isinstance(each, DomainError)]
            assert len(lost) == 1
            async with transaction(sessions) as session:
                await self._whole(session, booking, doctor)

    async def _whole(
        self, session: AsyncSession, booking: Booking, doctor: User
    ) -> None:
        """Earned and settled, or kept for finance to decide; never both."""
        found = await session.get_one(Booking, booking.id)
        claims = (
            await session.exec(
                select(RefundClaim).where(col(RefundClaim.booking_id) == booking.id)
            )
        ).all()
        sums = await held(
            session,
            postings.prepaid(booking.id),
            postings.receivable(booking.id),
            postings.doctor(doctor.id),
        )
        if found.status is Status.COMPLETED:
            assert (sums, len(claims)) == ([0, 0, 315_000], 0)
        else:
            assert (sums, len(claims)) == ([PRICE, 0, 0], 1)

    async def test_a34_pay_and_price_change(self, sessions: Sessions) -> None:
        for _ in range(ROUNDS):
            booking, _, patient = await staged(sessions, Status.PENDING)
            async with transaction(sessions) as session:
                admin = as_staff(
                    await factories.person(session, Role.ADMIN), Role.ADMIN
                )
                items = (await session.exec(select(PriceItem.id))).all()

            async def cheaper(session: AsyncSession) -> None:
                for each in items:  # noqa: B023
                    await plain_tables.change(
                        session,
                        admin,  # noqa: B023
                        PriceItem,
                        each,
                        {"price_kopecks": 100},
                    )

            ends = await race(
                sessions,
                lambda s: pay(s, booking, patient),  # noqa: B023
                cheaper,
            )
            assert not [each for each in ends if isinstance(each, DomainError)]
            async with transaction(sessions) as session:
                money = (await visit_money.money_of(session, [booking.id]))[booking.id]
                assert (money.total, money.paid) == (PRICE, PRICE)
                wallet = await held(session, postings.wallet(patient.id))
                assert wallet == [0]

    async def test_a34_pay_and_complete(self, sessions: Sessions) -> None:
        for _ in range(ROUNDS):
            booking, doctor, patient = await staged(sessions)
            ends = await race(
                sessions,
                lambda s: visits.complete(
                    s,
                    as_doctor(doctor),  # noqa: B023
                    booking.id,  # noqa: B023
                    30,
                    "ОРВИ",
                ),
                lambda s: pay(s, booking, patient),  # noqa: B023
                lambda s: pay(s, booking, patient),  # noqa: B023
            )
            lost = [each for each in ends if isinstance(each, DomainError)]
            assert [type(each) for each in lost] == [NothingToPay]
            async with transaction(sessions) as session:
                assert await held(
                    session,
                    postings.prepaid(booking.id),
                    postings.receivable(booking.id),
                    postings.doctor(doctor.id),
                    postings.wallet(patient.id),
                ) == [0, 0, 315_000, 0]

    async def test_a34_agree_and_waive(self, sessions: Sessions) -> None:
        for _ in range(ROUNDS):
            booking, doctor, patient = await staged(sessions)
            async with transaction(sessions) as session:
                await earning.complete(session, booking, PRICE)
                finance = as_staff(
                    await factories.person(session, Role.FINANCE), Role.FINANCE
                )
            actor = as_patient(patient)
            ends = await race(
                sessions,
                lambda s: extras.agree(s, actor, booking.id),  # noqa: B023
                lambda s: extras.agree(s, actor, booking.id),  # noqa: B023
                lambda s: extras.waive(s, finance, booking.id, "x"),  # noqa: B023
            )
            lost = [each for each in ends if isinstance(each, DomainError)]
            assert [type(each) for each in lost] == [IllegalTransition] * 2
            async with transaction(sessions) as session:
                found = await session.get_one(Booking, booking.id)
                agreed = found.extra_consent is ExtraConsent.AGREED
                due = await visit_money.due(session, found)
                assert due == (2 * PRICE if agreed else PRICE)
                theirs = 630_000 if agreed else 315_000
                assert await held(session, postings.doctor(doctor.id)) == [theirs]


class TestA38:
    """Nobody but the price list says what something costs."""

    @pytest.mark.parametrize(
        "field",
        ["price_kopecks", "estimated_price", "extras_kopecks", "total_kopecks",
         "vat_code", "extra_consent", "discount_kopecks", "tip_kopecks"],
    )  # fmt: skip
    async def test_a38_a_price_of_the_client(
        self, client: AsyncClient, field: str
    ) -> None:
        token = await registered(client)
        headers = {"authorization": f"Bearer {token['access_token']}"}
        body: dict[str, Any] = {
            "call_type": "urgent",
            "symptoms": "Жар",
            "address": {"text": "Арбат, 10"},
        }
        refused = await client.post(
            "/v1/bookings", json=body | {field: 1}, headers=headers
        )
        assert wrong_fields(refused) == {field}

    @pytest.mark.parametrize("field", ["price_kopecks", "title", "vat_code"])
    async def test_a38_a_price_of_the_doctor(
        self, client: AsyncClient, sessions: Sessions, field: str
    ) -> None:
        booking, doctor, _ = await staged(sessions)
        async with transaction(sessions) as session:
            line = await factories.extra_item(session)
        item = {"price_item_id": str(line.id), "quantity": 1, field: 1}
        body = {"actual_minutes": 30, "conclusion": "ОРВИ", "items": [item]}
        headers = await signed_in(sessions, doctor)
        path = f"/v1/visits/{booking.id}/complete"
        refused = await client.post(path, json=body, headers=headers)
        assert wrong_fields(refused) == {f"items.0.{field}"}

    async def test_a38_beyond_the_list(self, session: AsyncSession) -> None:
        booking, doctor = await earning.visit(session)
        visit_line = await factories.price(session)
        gone = await factories.extra_item(session, active=False)
        for item_id in (visit_line.id, gone.id, uuid.uuid4()):
            item = ItemInput(price_item_id=item_id)
            with pytest.raises(NotFound):
                await visits.complete(
                    session, as_doctor(doctor), booking.id, 30, "ОРВИ", [item]
                )
        for quantity in (0, -1, 101, 1.5, "2", True):
            with pytest.raises(ValidationError):
                ItemInput(price_item_id=gone.id, quantity=quantity)  # type: ignore[arg-type]

    async def test_a38_far_beyond_the_quote(self, session: AsyncSession) -> None:
        """A hundred of the dearest cost nothing until the patient says so."""
        booking, doctor = await earning.visit(session)
        dearest = await factories.extra_item(session, price_kopecks=100_000_000)
        item = ItemInput(price_item_id=dearest.id, quantity=100)
        actor = as_doctor(doctor)
        await visits.complete(session, actor, booking.id, 30, "ОРВИ", [item])
        assert booking.extras_kopecks == 10_000_000_000
        assert booking.extra_consent is ExtraConsent.AWAITED
        assert await visit_money.due(session, booking) == PRICE
        assert await held(session, postings.doctor(doctor.id)) == [315_000]


class TestA39:
    """Nothing that a client sends puts money anywhere."""

    @pytest.mark.parametrize("field", ["balance_kopecks", "wallet", "balance"])
    async def test_a39_a_balance_at_registration(
        self, client: AsyncClient, field: str
    ) -> None:
        body = registration() | {field: 100}
        refused = await client.post("/v1/auth/register", json=body)
        assert wrong_fields(refused) == {field}

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/v1/wallet"),
            ("POST", "/v1/wallet/deposit"),
            ("POST", "/v1/wallet/top-up"),
            ("PUT", "/v1/wallet"),
            ("PATCH", "/v1/wallet"),
            ("POST", "/v1/wallet/entries"),
            ("POST", "/v1/me/earnings"),
            ("POST", "/deposit"),
        ],
    )
    async def test_a39_a_deposit(
        self, client: AsyncClient, method: str, path: str
    ) -> None:
        token = await registered(client)
        headers = {"authorization": f"Bearer {token['access_token']}"}
        body = {"amount_kopecks": 100_000, "balance_kopecks": 100_000}
        answer = await client.request(method, path, json=body, headers=headers)
        assert answer.status_code in {404, 405}
        wallet = await client.get("/v1/wallet", headers=headers)
        assert wallet.json() == {"balance_kopecks": 0}

    async def test_a39_a_balance_in_a_patch(self, client: AsyncClient) -> None:
        token = await registered(client)
        headers = {"authorization": f"Bearer {token['access_token']}"}
        for path in ("/v1/me", "/v1/me/patient-profile"):
            body = {"balance_kopecks": 100}
            method = "PATCH" if path == "/v1/me" else "PUT"
            refused = await client.request(method, path, json=body, headers=headers)
            assert "balance_kopecks" in wrong_fields(refused)
