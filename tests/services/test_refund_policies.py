"""The policy's rules with their borders, its versions, and quotes with reasons."""

from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, RefundPolicy
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.refund import Destination, Rule
from models.role_grant import Role
from services import bookings, clock, refund_policies, refund_quotes
from services.actor import Actor, Via
from services.errors import Forbidden, StaleVersion, ValidationFailed
from services.i18n import use_locale
from services.refund_policies import Tier
from tests import money_rows, refunding
from tests.conftest import settle
from tests.factories import as_doctor
from tests.refunding import PRICE

P, D, S = "patient", "doctor", "staff"
ABSENT, CHANGED = CancelReason.PATIENT_ABSENT, CancelReason.PATIENT_CHANGED_MIND
REFUSED, FAULT = CancelReason.REFUSED_ON_SITE, CancelReason.CLINIC_FAULT
NO_DOCTOR, OTHER = CancelReason.NO_DOCTOR, CancelReason.OTHER
FALSE_CALL, DUPLICATE = CancelReason.FALSE_CALL, CancelReason.DUPLICATE

# From which status, by whom, for which reason → the rule, and what goes back of
# 5,000 ₽ under the first version.
TABLE = [
    (Status.PENDING, P, CHANGED, Rule.NOT_OUR_PATIENT, PRICE),
    (Status.PENDING, P, OTHER, Rule.NOT_OUR_PATIENT, PRICE),
    (Status.PENDING, S, NO_DOCTOR, Rule.NOT_OUR_PATIENT, PRICE),
    (Status.ASSIGNED, P, CHANGED, Rule.NOT_DEPARTED, PRICE),
    (Status.ASSIGNED, S, FAULT, Rule.NOT_OUR_PATIENT, PRICE),
    (Status.ACCEPTED, P, CHANGED, Rule.NOT_DEPARTED, PRICE),
    (Status.ACCEPTED, S, ABSENT, Rule.NOT_DEPARTED, PRICE),
    (Status.EN_ROUTE, P, CHANGED, Rule.EN_ROUTE, 400_000),
    # Who calls a visit off bears it, whichever reason they picked.
    (Status.EN_ROUTE, P, OTHER, Rule.EN_ROUTE, 400_000),
    (Status.EN_ROUTE, P, DUPLICATE, Rule.EN_ROUTE, 400_000),
    (Status.EN_ROUTE, D, CHANGED, Rule.EN_ROUTE, 400_000),
    (Status.EN_ROUTE, D, FALSE_CALL, Rule.EN_ROUTE, 400_000),
    (Status.EN_ROUTE, D, OTHER, Rule.NOT_OUR_PATIENT, PRICE),
    (Status.EN_ROUTE, S, NO_DOCTOR, Rule.NOT_OUR_PATIENT, PRICE),
    (Status.EN_ROUTE, S, FAULT, Rule.NOT_OUR_PATIENT, PRICE),
    (Status.EN_ROUTE, D, ABSENT, Rule.ON_SCENE, 250_000),
    (Status.EN_ROUTE, D, REFUSED, Rule.ON_SCENE, 250_000),
    (Status.EN_ROUTE, S, ABSENT, Rule.ON_SCENE, 250_000),
    (Status.IN_PROGRESS, D, REFUSED, Rule.IN_PROGRESS, 0),
    (Status.IN_PROGRESS, P, CHANGED, Rule.IN_PROGRESS, 0),
    (Status.IN_PROGRESS, S, FAULT, Rule.NOT_OUR_PATIENT, PRICE),
]


@pytest.mark.parametrize(("status", "by", "reason", "rule", "back"), TABLE)
async def test_each_way_to_end_has_its_rule(
    session: AsyncSession,
    status: Status,
    by: str,
    reason: CancelReason,
    rule: Rule,
    back: int,
) -> None:
    stage = await refunding.paid_call(session, status)
    patient = Actor(stage.booking.patient_id, Role.PATIENT, Via.API)
    actors = {P: patient, D: as_doctor(stage.doctor), S: stage.staff}
    booking = await bookings.cancel(session, actors[by], stage.booking.id, reason)
    held = await refund_policies.held(session, booking)
    assert (held.version, held.tier.rule) == (1, rule)
    assert held.tier.of(PRICE) == back


async def test_a_finished_visit_gives_nothing_by_policy(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    quote = await refund_quotes.quote(session, stage.booking)
    assert (quote.rule, quote.amount, quote.kept) == (Rule.COMPLETED, 0, PRICE)


@pytest.mark.parametrize(
    ("percent", "most", "base", "back"),
    [
        (100, 0, 1, 1),
        (0, None, PRICE, 0),
        (0, 0, PRICE, PRICE),
        # Half a kopeck rounds up, once.
        (50, None, 1, 1),
        (50, None, 3, 2),
        (33, None, 100, 33),
        (1, None, 49, 0),
        (1, None, 50, 1),
        # The cap in money beats the percentage where it gives more back.
        (80, 100_000, 499_999, 399_999),
        (80, 100_000, 500_000, 400_000),
        (80, 100_000, 500_001, 400_001),
        (80, 100_000, 1_000_000, 900_000),
        (0, 250_000, 100_000, 0),
        (50, 250_000, 0, 0),
    ],
)
def test_a_tier_is_a_cap_of_what_is_kept(
    percent: int, most: int | None, base: int, back: int
) -> None:
    tier = Tier(rule=Rule.EN_ROUTE, percent=percent, kept_at_most_kopecks=most)
    assert tier.of(base) == back


@pytest.mark.parametrize(
    "bad",
    [
        {"percent": 101},
        {"percent": -1},
        {"percent": 50.0},
        {"percent": True},
        {"percent": "50"},
        {"kept_at_most_kopecks": -1},
        {"kept_at_most_kopecks": 100_000_001},
        {"rule": "elsewhere"},
        {"note": "free"},
    ],
)
def test_a_tier_holds_whole_numbers_within_bounds(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Tier.model_validate({"rule": "en_route", "percent": 50} | bad)


async def tiers(session: AsyncSession, **changed: int) -> list[Tier]:
    """Give the tiers that hold, with other percentages for some rules."""
    held = refund_policies.tiers_of(await refund_policies.current(session))
    return [
        each.model_copy(update={"percent": changed[each.rule]})
        if each.rule in changed
        else each
        for each in held
    ]


async def test_a_new_version_holds_for_calls_that_end_from_then_on(
    session: AsyncSession,
) -> None:
    finance = await refunding.finance(session)
    before = await refunding.paid_call(session, Status.EN_ROUTE)
    after = await refunding.paid_call(session, Status.EN_ROUTE)
    patients = [
        Actor(each.booking.patient_id, Role.PATIENT, Via.API)
        for each in (before, after)
    ]
    await bookings.cancel(session, patients[0], before.booking.id, CHANGED)
    await clock.shift(session, 60)
    made = await refund_policies.publish(
        session, finance, await tiers(session, en_route=90), 1
    )
    assert (made.version, made.created_by) == (2, finance.user_id)
    await clock.shift(session, 120)
    await bookings.cancel(session, patients[1], after.booking.id, CHANGED)
    quotes = [
        await refund_quotes.quote(session, each.booking) for each in (before, after)
    ]
    assert [each.held.version for each in quotes] == [1, 2]
    assert [each.policy for each in quotes] == [400_000, 450_000]
    assert (await refund_policies.current(session)).version == 2
    await settle(session)


async def test_a_policy_is_changed_by_finance_from_the_version_they_saw(
    session: AsyncSession,
) -> None:
    finance = await refunding.finance(session)
    held = await tiers(session)
    patient = (await refunding.paid_call(session)).booking.patient_id
    for stranger in (Role.PATIENT, Role.ADMIN, Role.DISPATCHER, Role.CURATOR):
        actor = Actor(patient, stranger, Via.CONSOLE)
        with pytest.raises(Forbidden):
            await refund_policies.publish(session, actor, held, 1)
    await refund_policies.publish(session, finance, held, 1)
    with pytest.raises(StaleVersion):
        await refund_policies.publish(session, finance, held, 1)


async def test_every_rule_has_one_tier_and_the_innocent_get_everything(
    session: AsyncSession,
) -> None:
    finance = await refunding.finance(session)
    held = await tiers(session)
    whole = await tiers(session, not_our_patient=99)
    for bad in (held[:-1], [*held, held[0]], [*held[:-1], held[0]], [], whole):
        with pytest.raises(ValidationFailed):
            await refund_policies.publish(session, finance, bad, 1)
    assert (await refund_policies.current(session)).version == 1


async def test_finance_sees_every_version(session: AsyncSession) -> None:
    finance = await refunding.finance(session)
    await refund_policies.publish(session, finance, await tiers(session), 1)
    seen = await refund_policies.versions(session, finance)
    assert [each.version for each in seen] == [2, 1]
    for role in (Role.PATIENT, Role.ADMIN, Role.DISPATCHER):
        with pytest.raises(Forbidden):
            await refund_policies.versions(
                session, Actor(finance.user_id, role, Via.CONSOLE)
            )


async def test_a_version_is_never_changed(session: AsyncSession) -> None:
    policy = await refund_policies.current(session)
    assert isinstance(policy, RefundPolicy)
    policy.tiers = []
    with pytest.raises(Exception, match="refuses UPDATE"):
        await session.flush()


# -- quotes -------------------------------------------------------------------


async def test_a_quote_says_why(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.EN_ROUTE)
    quote = await refund_quotes.quote(session, stage.booking)
    assert (quote.base, quote.policy, quote.given) == (PRICE, 400_000, 0)
    assert (quote.amount, quote.kept) == (400_000, 100_000)
    with use_locale("en"):
        assert quote.reasons() == [
            "The doctor was on the way",
            "Of 5,000\u00a0₽ paid 80 % go back, or all but 1,000\u00a0₽ if that is more.",
            "Refund policy, version 1.",
        ]
    with use_locale("ru"):
        russian = quote.reasons()
    assert russian[0] == "Врач был в пути"
    assert all("{" not in line for line in russian)


async def test_where_all_goes_back_no_share_is_reckoned(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.ASSIGNED)
    quote = await refund_quotes.quote(session, stage.booking)
    assert (quote.amount, quote.kept) == (PRICE, 0)
    with use_locale("en"):
        assert quote.reasons()[1] == "All of it goes back."
    with use_locale("ru"):
        assert quote.reasons()[1] == "Возвращается всё."


async def test_what_went_back_before_counts(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    stage.payment.refunded_or_reserved_kopecks = 100_000
    await session.flush()
    quote = await refund_quotes.quote(session, stage.booking)
    assert (quote.given, quote.amount, quote.kept) == (100_000, 0, 400_000)
    with use_locale("en"):
        assert quote.reasons()[1:3] == [
            "Of 5,000\u00a0₽ paid 0 % go back.",
            "1,000\u00a0₽ went back before.",
        ]


async def test_surplus_and_unpaid_attempts_are_no_base(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    booking = stage.booking
    await money_rows.payment(session, booking, PRICE, surplus=Surplus.DOUBLE)
    await money_rows.payment(session, booking, PRICE, PaymentStatus.CANCELED)
    quote = await refund_quotes.quote(session, booking)
    assert (quote.base, quote.amount) == (PRICE, PRICE)
    assert quote.of(stage.payment.id) == PRICE


async def test_the_wallet_first_then_the_newest(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, amount=200_000)
    booking = stage.booking
    await refunding.fill(session, booking, 100_000)
    wallet = await money_rows.payment(
        session, booking, 100_000, method=PaymentMethod.WALLET
    )
    newest = await money_rows.payment(session, booking, 200_000)
    payments = [stage.payment, wallet, newest]
    parts = refund_quotes.allocate(payments, 350_000)
    assert [(part.payment_id, part.kopecks) for part in parts] == [
        (wallet.id, 100_000),
        (newest.id, 200_000),
        (stage.payment.id, 50_000),
    ]
    assert [part.destination for part in parts] == [
        Destination.WALLET,
        Destination.ORIGINAL,
        Destination.ORIGINAL,
    ]
    assert len(refund_quotes.allocate(payments, 100_000)) == 1
    assert refund_quotes.allocate(payments, 0) == []
    assert refund_quotes.allocate(payments, -5) == []


@pytest.mark.parametrize(
    ("captured", "gone", "wanted", "part"),
    [
        # A kopeck is never left behind, nor a sum the provider cannot move.
        (500_000, 0, 499_999, 500_000),
        (500_000, 0, 499_901, 500_000),
        (500_000, 0, 499_900, 499_900),
        (500_000, 0, 1, 100),
        (500_000, 0, 99, 100),
        (500_000, 0, 100, 100),
        (500_000, 0, 500_001, 500_000),
        (500_000, 0, 0, 0),
        (199, 0, 50, 199),
        (200, 0, 50, 100),
        (500_000, 499_900, 1, 100),
        (500_000, 500_000, 1, 0),
    ],
)
async def test_no_part_below_a_rouble_moves_or_stays(
    session: AsyncSession, captured: int, gone: int, wanted: int, part: int
) -> None:
    stage = await refunding.paid_call(session, amount=captured)
    stage.payment.refunded_or_reserved_kopecks = gone
    assert refund_quotes.fit(stage.payment, wanted) == part


async def test_rounding_for_the_provider_is_told(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.EN_ROUTE, amount=150)
    quote = await refund_quotes.quote(session, stage.booking)
    # All but nothing of 1.50 ₽ less 1,000 ₽, so 80 %: 1.20 ₽; 30 kopecks cannot stay.
    assert (quote.policy, quote.amount, quote.kept) == (120, 150, 0)
    with use_locale("en"):
        assert "No part of a card or SBP payment is below 1 ₽." in quote.reasons()


async def test_kopecks_of_a_wallet_move_as_they_are(session: AsyncSession) -> None:
    stage = await refunding.paid_call(
        session, Status.EN_ROUTE, amount=99, method=PaymentMethod.WALLET
    )
    quote = await refund_quotes.quote(session, stage.booking)
    assert [part.kopecks for part in quote.parts] == [79]


async def test_rounding_pump_every_part_and_what_is_kept_make_the_whole(
    session: AsyncSession,
) -> None:
    """A36: a thousand sums, and never a kopeck more or less than was paid."""
    stage = await refunding.paid_call(session, Status.EN_ROUTE)
    for kopecks in range(1000):
        sums = {PaymentMethod.CARD: PRICE + kopecks, PaymentMethod.SBP: 333_333}
        payments = [
            Payment(
                booking_id=stage.booking.id,
                payer_id=stage.booking.patient_id,
                method=method,
                status=PaymentStatus.SUCCEEDED,
                amount_kopecks=amount,
                captured_kopecks=amount,
            )
            for method, amount in sums.items()
        ]
        quote = await refund_quotes.quote(session, stage.booking, payments)
        assert quote.amount + quote.kept == quote.base == sum(sums.values())
        assert 0 <= quote.kept <= 100_000
        assert all(part.kopecks >= 100 for part in quote.parts)
