"""One call to the provider in all its ends, driven against the local provider."""

import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import Payment, ProviderEvent, ReconIssue
from models.payment import PaymentMethod, PaymentStatus
from services import payment_sending, payment_settling, shop_check
from services.actor import SYSTEM
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.gateways.yookassa_outcomes import Definite, Done, Unknown
from tests.paying import (
    CARD,
    SBP,
    journals,
    new_booking,
    opened,
    paid_through,
    sent,
)
from tests.yookassa_server import YooKassa

S = PaymentStatus
POST = {"method": "POST", "path_re": "/payments$"}


async def kept(
    sessions: Sessions, payment: Payment, outcome, *, first: bool
) -> Payment:
    async with transaction(sessions) as session:
        return await payment_sending.keep(session, payment.id, outcome, first=first)


async def events(sessions: Sessions) -> list[tuple[str, str, str | None]]:
    query = sa.select(ProviderEvent).order_by(col(ProviderEvent.id))
    async with transaction(sessions) as session:
        rows = (await session.scalars(query)).all()
    return [(row.source, row.outcome, row.code) for row in rows]


async def test_a_card_payment_waits_on_the_providers_page(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    [theirs] = provider.listing("payments")
    assert payment.status is S.PENDING
    assert payment.provider_id == theirs["id"]
    assert payment.confirmation_url == theirs["confirmation"]["confirmation_url"]
    assert payment.expires_at is not None
    assert payment.next_look_at is not None
    assert await events(sessions) == [("create", "done", None)]


async def test_an_sbp_payment_has_the_link_of_its_qr_code(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions), SBP)
    [theirs] = provider.listing("payments")
    link = theirs["confirmation"]["confirmation_data"]
    assert link.startswith("https://qr.nspk.ru/")
    assert (payment.confirmation_data, payment.confirmation_url) == (link, None)


async def test_the_key_and_the_body_are_those_that_were_committed(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    [call] = provider.journal("POST", "/payments")
    headers = {name.lower(): value for name, value in call["headers"].items()}
    assert headers["idempotence-key"] == str(payment.id)


@pytest.mark.parametrize(
    "fault",
    ["500_before", "500_after", "reset_before", "reset_after", "429", "202", "empty"],
)
async def test_an_answer_that_was_lost_is_a_state(
    sessions: Sessions, provider: YooKassa, fault: str
) -> None:
    provider.faults(fault, match=POST)
    payment = await sent(sessions, await new_booking(sessions))
    assert (payment.status, payment.provider_id) == (S.UNKNOWN, None)
    assert payment.next_look_at is not None
    assert payment.failure_code is None
    [(source, outcome, _)] = await events(sessions)
    assert (source, outcome) == ("create", "unknown")


async def test_a_request_that_is_refused_has_failed(
    sessions: Sessions, provider: YooKassa
) -> None:
    booking = await new_booking(sessions)
    payment = await opened(sessions, booking)
    payment.request_body = (payment.request_body or "").replace('"RUB"', '"XXX"')
    outcome = await payment_sending.ask(payment, flow="payment", seconds=8)
    payment = await kept(sessions, payment, outcome, first=True)
    assert payment.status is S.FAILED
    assert payment.failure_code == "invalid_request"
    assert payment.failure_parameter == "amount.currency"
    assert payment.ended_at is not None
    assert payment.next_look_at is None
    # Nothing stands in the way of another try, under another key.
    assert (await opened(sessions, booking)).id != payment.id


async def no_qr_findings(sessions: Sessions) -> list[ReconIssue]:
    query = sa.select(ReconIssue).where(
        col(ReconIssue.subject) == payment_sending.NO_QR,
        col(ReconIssue.resolved_at).is_(None),
    )
    async with transaction(sessions) as session:
        return list((await session.scalars(query)).all())


@pytest.mark.parametrize(
    ("method", "parameter", "qr", "found"),
    [
        (SBP, "confirmation.type", True, True),
        (SBP, "confirmation", True, True),
        (SBP, "amount.value", True, False),
        (SBP, None, True, False),
        (SBP, "confirmation.type", False, False),
        (CARD, "confirmation.type", True, False),
    ],
)
async def test_a_shop_without_qr_links_is_a_finding_that_names_the_setting(
    sessions: Sessions,
    provider: YooKassa,
    settings: Settings,
    method: PaymentMethod,
    parameter: str | None,
    qr: bool,
    found: bool,
) -> None:
    refused = Definite("invalid_request", parameter, status=400)
    with paid_through(provider, settings, yookassa_sbp_qr=qr):
        payment = await opened(sessions, await new_booking(sessions), method)
        payment = await kept(sessions, payment, refused, first=True)
    assert payment.status is S.FAILED
    findings = await no_qr_findings(sessions)
    assert [each.payment_id for each in findings] == [payment.id] * found
    for each in findings:
        assert each.facts["setting"] == "TOT_YOOKASSA_SBP_QR=false"
    with paid_through(provider, settings, yookassa_sbp_qr=False):
        await shop_check.check(sessions)
    assert await no_qr_findings(sessions) == []


async def test_a_wrong_login_fails_the_first_call_and_tells_nothing_later(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    with paid_through(provider, settings, yookassa_secret_key="wrong"):
        payment = await sent(sessions, await new_booking(sessions))
        assert (payment.status, payment.failure_code) == (
            S.FAILED,
            "invalid_credentials",
        )
        later = await opened(sessions, await new_booking(sessions))
        outcome = await payment_sending.ask(later, flow="payment")
        later = await kept(sessions, later, outcome, first=False)
    assert later.status is S.UNKNOWN


async def test_where_nobody_listens_it_goes_again_with_the_same_key(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    nowhere = "http://127.0.0.1:9/v3"
    with paid_through(provider, settings, yookassa_api_url=nowhere):
        payment = await sent(sessions, await new_booking(sessions))
    assert (payment.status, payment.failure_code) == (S.UNKNOWN, None)
    assert await events(sessions) == [("create", "definite", "not_sent")]


async def test_a_conclusive_refusal_ends_an_unknown_attempt(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await opened(sessions, await new_booking(sessions))
    await kept(sessions, payment, Unknown("timeout"), first=True)
    refused = Definite("invalid_request", "receipt", status=400)
    payment = await kept(sessions, payment, refused, first=False)
    assert (payment.status, payment.failure_parameter) == (S.FAILED, "receipt")


async def test_a_late_refusal_does_not_touch_what_the_provider_has(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    refused = Definite("invalid_request", status=400)
    assert (await kept(sessions, payment, refused, first=False)).status is S.PENDING
    lost = Unknown("timeout")
    assert (await kept(sessions, payment, lost, first=False)).status is S.PENDING


async def test_an_answer_that_comes_after_the_money_changes_nothing(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await opened(sessions, await new_booking(sessions))
    outcome = await payment_sending.ask(payment, flow="payment", seconds=8)
    theirs = provider.pay(provider.listing("payments")[0]["id"])
    async with transaction(sessions) as session:
        await payment_settling.apply(
            session, SYSTEM, payment.id, Done(theirs), "webhook"
        )
    payment = await kept(sessions, payment, outcome, first=True)
    assert payment.status is S.SUCCEEDED
    assert await journals(sessions, payment.id) == 1
