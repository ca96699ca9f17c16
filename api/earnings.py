"""What a doctor earns."""

from api import pages
from api.deps import DoctorActor, SessionDep
from api.pages import WantedPage
from api.problems import problems
from api.routing import router as make_router
from api.schemas.earnings import EarningAnswer, EarningsAnswer
from services import earnings

router = make_router("/v1/me/earnings", "Money")


@router.get("", responses=problems(401, 403))
async def read_earnings(
    session: SessionDep, actor: DoctorActor, wanted: WantedPage
) -> EarningsAnswer:
    """Tell what is owed to the doctor, and what made it up, newest first."""
    balance, page = await earnings.own(session, actor, wanted)
    listed = pages.answer(page, EarningAnswer.of)
    return EarningsAnswer(balance_kopecks=balance, **dict(listed))
