"""The public price list."""

from api.deps import SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.directory import PriceAnswer, PriceList
from services import prices

router = make_router("/v1/price-list", "Bookings")


@router.get("", responses=problems())
async def read(session: SessionDep) -> PriceList:
    """Say what visits and extras cost."""
    items = await prices.price_list(session)
    return PriceList(items=[PriceAnswer.of(item) for item in items])
