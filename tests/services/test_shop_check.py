"""The shop at the provider against the settings, asked over real HTTP."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa

from models import ReconIssue, ReconMark
from models.recon_issue import IssueKind
from services import shop_check
from services.config import Settings
from services.database import Sessions
from services.gateways.yookassa_outcomes import Definite, Done, Outcome, Unknown
from services.shop_check import Verdict
from tests.liar import liar
from tests.paying import paid_through
from tests.yookassa_server import YooKassa


async def findings(sessions: Sessions) -> Sequence[ReconIssue]:
    async with sessions() as session:
        query = sa.select(ReconIssue).order_by(ReconIssue.created_at)
        return (await session.scalars(query)).all()


async def test_a_shop_that_fits_leaves_no_finding(
    sessions: Sessions, provider: YooKassa
) -> None:
    assert await shop_check.check(sessions) is Verdict.FITS
    assert await findings(sessions) == []
    async with sessions() as session:
        [mark] = (await session.scalars(sa.select(ReconMark))).all()
    assert (mark.name, mark.found) == ("shop", 0)


async def test_a_refused_login_is_found_once_and_closes_when_it_works(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    with paid_through(provider, settings, yookassa_secret_key="test_wrong"):
        assert await shop_check.check(sessions) is Verdict.LOGIN_REFUSED
        assert await shop_check.check(sessions) is Verdict.LOGIN_REFUSED
    [found] = await findings(sessions)
    assert (found.kind, found.subject) == (IssueKind.SHOP_DIFFERS, "shop")
    assert found.facts == {"problem": "login_refused"}
    assert found.resolved_at is None
    assert await shop_check.check(sessions) is Verdict.FITS
    [closed] = await findings(sessions)
    assert closed.resolved_at is not None


async def test_a_test_shop_where_money_is_real(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    with paid_through(provider, settings, yookassa_test=False):
        assert await shop_check.check(sessions) is Verdict.TEST_SHOP
    [found] = await findings(sessions)
    assert found.facts == {"problem": "test_shop"}


async def test_a_real_shop_or_another_one_where_a_test_one_is_meant(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    with liar(provider) as (lies, reached), paid_through(reached, settings):
        lies.bend = lambda path, answer: answer | {"test": False}
        assert await shop_check.check(sessions) is Verdict.REAL_SHOP
        lies.bend = lambda path, answer: answer | {"account_id": "999"}
        assert await shop_check.check(sessions) is Verdict.OTHER_SHOP
    [found] = await findings(sessions)
    assert found.facts == {"problem": "other_shop"}


async def test_silence_says_nothing_of_the_shop(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    with paid_through(provider, settings, yookassa_secret_key="test_wrong"):
        await shop_check.check(sessions)
    nowhere = "http://127.0.0.1:9/v3"
    with paid_through(provider, settings, yookassa_api_url=nowhere):
        assert await shop_check.check(sessions) is Verdict.SILENT
    [found] = await findings(sessions)
    assert found.resolved_at is None


async def test_without_a_shop_nobody_is_asked(
    sessions: Sessions, settings: Settings
) -> None:
    assert await shop_check.check(sessions) is Verdict.NO_SHOP
    assert await findings(sessions) == []


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Definite("invalid_credentials", status=401), Verdict.LOGIN_REFUSED),
        (Definite("forbidden", status=403), Verdict.LOGIN_REFUSED),
        (Definite("not_sent"), Verdict.SILENT),
        (Definite("http_404", status=404), Verdict.SILENT),
        (Unknown("http_500"), Verdict.SILENT),
        # A shop that does not say that it is one for tests takes real money.
        (Done({"account_id": ""}), Verdict.REAL_SHOP),
    ],
)
def test_what_an_answer_means(
    settings: Settings, outcome: Outcome, verdict: Verdict
) -> None:
    assert shop_check.judge(settings, outcome) is verdict


async def test_the_night_asks_too(sessions: Sessions, provider: YooKassa) -> None:
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await shop_check.check_periodically(cast(Any, context), 0)
    async with sessions() as session:
        assert await session.scalar(sa.select(sa.func.count(ReconMark.id))) == 1
