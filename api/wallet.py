"""A patient's wallet: read here, filled by refunds and compensations only."""

from api import pages
from api.deps import PatientActor, SessionDep
from api.pages import Listing, WantedPage
from api.problems import problems
from api.routing import router as make_router
from api.schemas.wallet import WalletAnswer, WalletEntry
from services import wallets

router = make_router("/v1/wallet", "Money")


@router.get("", responses=problems(401, 403))
async def read_wallet(session: SessionDep, actor: PatientActor) -> WalletAnswer:
    """Tell what is in the wallet."""
    balance = await wallets.own_balance(session, actor)
    return WalletAnswer(balance_kopecks=balance)


@router.get("/entries", responses=problems(401, 403))
async def list_entries(
    session: SessionDep, actor: PatientActor, wanted: WantedPage
) -> Listing[WalletEntry]:
    """Give the statement of the wallet, newest first."""
    page = await wallets.own_entries(session, actor, wanted)
    return pages.answer(page, WalletEntry.of)
