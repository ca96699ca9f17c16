"""A patient takes money out of the wallet; finance sends it."""

from api.deps import PatientActor, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.refunds import WithdrawalAnswer, WithdrawalBody
from services import withdrawals

router = make_router("/v1/wallet", "Money")


@router.post("/withdrawal-requests", status_code=201, responses=problems(401, 403, 409))
async def ask(
    body: WithdrawalBody, session: SessionDep, actor: PatientActor
) -> WithdrawalAnswer:
    """Ask for money of the wallet; it cannot be spent any more."""
    withdrawal = await withdrawals.request(session, actor, body.amount_kopecks)
    return WithdrawalAnswer.of(withdrawal)
