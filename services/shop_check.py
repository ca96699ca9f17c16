"""Whether the shop at the provider is the one that the settings mean.

A test shop takes no real money and a real one takes it from testers; a refused login
stops every payment. What is wrong becomes a finding, which closes by itself.
"""

from enum import StrEnum
from typing import Any

from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from models.recon_issue import IssueKind
from services import clock, jobs, payment_sending, recon_issues, recon_marks
from services.config import Settings, get_settings
from services.database import Sessions
from services.edges import in_transaction
from services.gateways import NotConfigured, yookassa
from services.gateways.yookassa_client import shop_of
from services.gateways.yookassa_outcomes import Definite, Done, Outcome

MARK = SUBJECT = "shop"
LOGIN_REFUSED = frozenset({401, 403})


class Verdict(StrEnum):
    """What came of asking; `silent`: nobody knows, so nothing is said of the shop."""

    FITS = "fits"
    NO_SHOP = "no_shop"
    SILENT = "silent"
    LOGIN_REFUSED = "login_refused"
    OTHER_SHOP = "other_shop"
    TEST_SHOP = "test_shop"
    REAL_SHOP = "real_shop"


BAD = frozenset(
    {
        Verdict.LOGIN_REFUSED,
        Verdict.OTHER_SHOP,
        Verdict.TEST_SHOP,
        Verdict.REAL_SHOP,
    }
)


async def check(sessions: Sessions) -> Verdict:
    """Ask the provider who we are to it, and keep what is wrong with that.

    Call it outside any transaction: the provider may take its time.
    """
    settings = get_settings()
    try:
        shop = shop_of(settings)
    except NotConfigured:
        return Verdict.NO_SHOP
    verdict = judge(settings, await yookassa.get_me(shop))
    if verdict is not Verdict.SILENT:
        await in_transaction(sessions, lambda session: _keep(session, verdict))
    return verdict


def judge(settings: Settings, outcome: Outcome) -> Verdict:
    """Compare the provider's answer with the settings."""
    if isinstance(outcome, Definite) and outcome.status in LOGIN_REFUSED:
        return Verdict.LOGIN_REFUSED
    if not isinstance(outcome, Done):
        return Verdict.SILENT
    if outcome.raw["account_id"] != settings.yookassa_shop_id:
        return Verdict.OTHER_SHOP
    is_test = outcome.raw.get("test") is True
    if is_test is settings.yookassa_test:
        return Verdict.FITS
    return Verdict.TEST_SHOP if is_test else Verdict.REAL_SHOP


async def _keep(session: AsyncSession, verdict: Verdict) -> None:
    bad = verdict in BAD
    kind = IssueKind.SHOP_DIFFERS
    if bad:
        facts: dict[str, Any] = {"problem": verdict.value}
        await recon_issues.report(session, kind, SUBJECT, **facts)
    else:
        await recon_issues.settle(session, kind, SUBJECT)
    if not get_settings().yookassa_sbp_qr:
        # Nobody asks for QR links any more.
        await recon_issues.settle(session, kind, payment_sending.NO_QR)
    await recon_marks.note(session, MARK, await clock.now(session), int(bad))


@jobs.queue.periodic(cron="40 1 * * *", periodic_id="shop_check")
@jobs.queue.task(name="shop.check", pass_context=True, priority=jobs.LATER)
async def check_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Ask every night at 4:40 Moscow time."""
    await check(context.additional_context["sessions"])
