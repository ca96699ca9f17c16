"""Killed once at every place around a call and a commit of money: nothing is wrong.

A child of a process that has the application loaded does a deed and dies by kill -9
at the point. Then the worker's own sweeps and jobs go on, the clock is moved instead
of waiting, and within a minute of it our books are the provider's.
"""

import ast
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from models import ReconIssue
from services import invariants, money_poll, webhook_inbox
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests.faults.conftest import ROOT
from tests.faults.fork_server import BODIES, ClockAhead, Deed, ForkServer, fork_server
from tests.faults.kill_scenarios import (
    CALL,
    COMMIT,
    SCENARIOS,
    House,
    Scenario,
    notice,
)
from tests.paying import PRICE, SECRET, paid_through
from tests.yookassa_server import YooKassa, yookassa

pytestmark = pytest.mark.prove

POLL_SECONDS, CONVERGES_SECONDS, TAKEN_OVER_SECONDS = 10, 60, 61
RECEIPTS_SECONDS = 180
EMAIL = "receipts@example.org"
POINTS = [
    (f"{flow}.{side}_{around}", scenario)
    for (flow, around), scenarios in SCENARIOS.items()
    for side in ("before", "after")
    for scenario in scenarios
]
# The worst places: something is done on one side, and the other does not know it.
WORST = {
    ("payment_open.after_commit", "wish"),
    ("payment_open.after_commit", "wish_from_wallet"),
    ("payment.after_call", "second_wish"),
    ("payment.after_commit", "wish_by_sbp"),
    ("payment_again.after_call", "look_at_unheard"),
    ("payment_list.before_commit", "look_at_old"),
    ("webhook.after_commit", "notice_comes"),
    ("webhook_keep.before_commit", "late_payment"),
    ("refund_open.after_commit", "refund_goes"),
    ("refund_create.after_call", "refund_goes"),
    ("refund_again.after_call", "refund_unsent"),
    ("receipt.after_call", "closing_receipt"),
}
TRIED = [
    (point, scenario)
    for point, scenario in POINTS
    if os.environ.get("TOT_PROVE") or (point, scenario.__name__) in WORST
]

OURS = """
SELECT (SELECT coalesce(sum(captured_kopecks), 0) FROM payment
         WHERE method <> 'wallet') AS captured,
       (SELECT coalesce(sum(amount_kopecks), 0) FROM refund
         WHERE status = 'succeeded' AND destination = 'original') AS refunded
"""
# An attempt that waits for its patient is at rest; so is what waits for a person.
UNDER_WAY = """
SELECT 'payment ' || status || ' ' || id FROM payment
 WHERE status IN ('created', 'unknown')
UNION ALL SELECT 'payment ' || provider_id FROM payment
 WHERE status = 'pending' AND NOT provider_id = ANY(:waiting)
UNION ALL SELECT 'refund ' || status || ' ' || id FROM refund
 WHERE status NOT IN ('succeeded', 'failed', 'rejected', 'awaiting_approval')
UNION ALL SELECT 'notice ' || status || ' ' || id FROM webhook_inbox
 WHERE status IN ('new', 'waiting')
UNION ALL SELECT 'receipt ' || status || ' ' || id FROM receipt
 WHERE status IN ('created', 'unknown', 'pending')
"""
JOURNALS = """
SELECT kind || ' ' || wanted.id, count(j.id)
  FROM (SELECT id, 'payment' AS kind FROM payment WHERE status = 'succeeded'
        UNION ALL SELECT id, 'refund_reserved' FROM refund WHERE origin <> 'cabinet'
        UNION ALL SELECT id, 'refund_succeeded' FROM refund
         WHERE status = 'succeeded') AS wanted
  LEFT JOIN ledger_journal j USING (kind)
 WHERE j.ref_id = wanted.id OR j.id IS NULL
 GROUP BY 1 HAVING count(j.id) <> 1
"""


@pytest.fixture(scope="module")
def served() -> Iterator[YooKassa]:
    with yookassa(strict_qr=True, fiscalization=True, receipt_s=0) as handle:
        yield handle


@pytest.fixture(scope="module")
def server(
    served: YooKassa, settings: Settings, database_url: str
) -> Iterator[ForkServer]:
    told = {
        "DATABASE_URL": database_url,
        "TOT_PROFILE": "test",
        "TOT_DATA_DIR": str(settings.data_dir),
        "TOT_SECRET_KEY": settings.secret_key,
        "TOT_ALLOWED_HOSTS": '["testserver"]',
        "TOT_YOOKASSA_API_URL": served.api_url,
        "TOT_YOOKASSA_SHOP_ID": served.shop,
        "TOT_YOOKASSA_SECRET_KEY": served.key,
        "TOT_YOOKASSA_WEBHOOK_SECRET": SECRET,
        "TOT_YOOKASSA_WEBHOOK_NETWORKS": '["127.0.0.1/32"]',
        "TOT_YOOKASSA_RECEIPTS": "1",
        "TOT_YOOKASSA_RECEIPT_EMAIL": EMAIL,
    }
    with fork_server(told) as made:
        yield made


@pytest.fixture
def house(
    sessions: Sessions, served: YooKassa, server: ForkServer, settings: Settings
) -> Iterator[House]:
    served.reset()
    served.clear_faults()
    more = {"yookassa_receipts": True, "yookassa_receipt_email": EMAIL}
    with paid_through(served, settings, **more):
        yield House(sessions, served, server)


def flows() -> set[tuple[str, str]]:
    """Read from the source which flows have points, and around what."""
    return {
        found
        for folder in ("api", "backoffice", "services")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "failpoints.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for found in _flows_of(node)
    }


def _flows_of(node: ast.Call) -> Iterator[tuple[str, str]]:
    """A flow is named in the call itself, or by whoever calls that, as flow="…"."""
    for keyword in node.keywords:
        if keyword.arg == "flow":
            yield ast.literal_eval(keyword.value), CALL
    match node.func:
        case ast.Attribute(value=ast.Name(id="failpoints"), attr="call"):
            named, around = node.args[0], CALL
        case ast.Attribute(value=ast.Name(id="failpoints"), attr="in_transaction"):
            named, around = node.args[1], COMMIT
        case ast.Attribute(value=ast.Name(id="failpoints"), attr=other):
            raise AssertionError(f"failpoints.{other} is not known here")
        case _:
            return
    if ast.unparse(named) != "flow":
        yield ast.literal_eval(named), around


def test_every_flow_of_the_source_is_killed_somewhere() -> None:
    assert flows() == SCENARIOS.keys()
    named = {(point, scenario.__name__) for point, scenario in POINTS}
    assert named >= WORST


async def under_way(house: House) -> list[str]:
    rows = house.provider.listing("payments")
    waiting = [each["id"] for each in rows if each["status"] == "pending"]
    async with transaction(house.sessions) as session:
        found = await session.scalars(sa.text(UNDER_WAY), {"waiting": waiting})
        return list(found)


async def work(house: House) -> None:
    """Do what the worker's periodic sweep and its jobs do, until no job is left."""
    await money_poll.poll(house.sessions)
    query = sa.text(
        "DELETE FROM procrastinate_jobs WHERE id = (SELECT min(id)"
        " FROM procrastinate_jobs WHERE task_name = ANY(:names))"
        " RETURNING task_name, args"
    )
    while True:
        async with transaction(house.sessions) as session:
            taken = await session.execute(query, {"names": list(BODIES)})
            job = taken.one_or_none()
        if job is None:
            return
        [about] = job.args.values()
        await BODIES[job.task_name](house.sessions, about)


async def tell(house: House) -> None:
    """The provider tells what has ended; what was told before is known here."""
    for kind in ("payment", "refund"):
        for each in house.provider.listing(f"{kind}s"):
            if each["status"] == "succeeded":
                body = json.dumps(notice(f"{kind}.succeeded", each["id"])).encode()
                async with transaction(house.sessions) as session:
                    await webhook_inbox.receive(session, body)


async def recover(house: House, clock: ClockAhead) -> float:
    """Go on until nothing is under way; gives the seconds it took on the clock."""
    began = clock.seconds
    while True:
        await work(house)
        left = await under_way(house)
        seconds = clock.seconds - began
        if not left:
            return seconds
        # Whether a receipt is registered is no matter of money, and takes its time.
        late = [each for each in left if not each.startswith("receipt")]
        assert seconds < CONVERGES_SECONDS or not late, late
        assert seconds < RECEIPTS_SECONDS, left
        clock.seconds += POLL_SECONDS
        house.provider.advance(POLL_SECONDS)
        await tell(house)


async def all_is_well(house: House) -> None:
    totals = house.provider.totals()
    async with transaction(house.sessions) as session:
        ours = (await session.execute(sa.text(OURS))).one()
        assert tuple(ours) == (totals["captured"], totals["refunded"])
        assert (await session.execute(sa.text(JOURNALS))).all() == []
        assert await invariants.check(session) == []
        assert (await session.scalars(sa.select(ReconIssue))).all() == []
    named = Counter(
        str(each["metadata"])
        for kind in ("payments", "refunds")
        for each in house.provider.listing(kind)
        if each.get("metadata")
    )
    assert set(named.values()) <= {1}


@pytest.mark.parametrize(
    ("point", "scenario"),
    TRIED,
    ids=[f"{point}-{scenario.__name__}" for point, scenario in TRIED],
)
async def test_killed_at_any_point_the_money_comes_right(
    house: House, point: str, scenario: Scenario
) -> None:
    deed = await scenario(house)
    assert house.server.do(deed, f"{point}:kill") == -signal.SIGKILL
    with ClockAhead() as clock:
        await recover(house, clock)
        await all_is_well(house)
        if deed.name == "ask":
            await repeat(house, clock, deed)


async def repeat(house: House, clock: ClockAhead, deed: Deed) -> None:
    """Whoever had no answer asks again, and pays what is open then."""
    clock.seconds += TAKEN_OVER_SECONDS
    assert house.server.do(deed, seconds=clock.seconds) == 0
    for each in house.provider.listing("payments"):
        if each["status"] == "pending":
            house.provider.pay(each["id"])
    await tell(house)
    await recover(house, clock)
    await all_is_well(house)
    # However often it was asked for, the call is paid for once.
    totals = house.provider.totals()
    async with transaction(house.sessions) as session:
        query = sa.text("SELECT sum(paid_kopecks) FROM booking_money_v")
        assert await session.scalar(query) == PRICE
    assert totals["captured"] - totals["refunded"] in {0, PRICE}
