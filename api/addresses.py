"""A patient's saved addresses."""

import uuid

from api import pages
from api.deps import PatientActor, SessionDep
from api.pages import Listing, WantedPage
from api.problems import problems
from api.routing import router as make_router
from api.schemas.accounts import AddressAnswer
from models import Address
from services import addresses
from services.addresses import SavedAddress

router = make_router("/v1/me/addresses", "Accounts")


@router.get("", responses=problems(401, 403))
async def list_addresses(
    session: SessionDep, actor: PatientActor, wanted: WantedPage
) -> Listing[AddressAnswer]:
    """List one's own addresses, newest first."""
    page = await addresses.listing(session, actor, wanted)
    return pages.answer(page, AddressAnswer.model_validate)


@router.post(
    "",
    status_code=201,
    response_model=AddressAnswer,
    responses=problems(401, 403, 409),
)
async def add_address(
    body: SavedAddress, session: SessionDep, actor: PatientActor
) -> Address:
    """Save a door."""
    return await addresses.add(session, actor, body)


@router.put("/{address_id}", response_model=AddressAnswer, responses=problems(401, 403))
async def replace_address(
    address_id: uuid.UUID, body: SavedAddress, session: SessionDep, actor: PatientActor
) -> Address:
    """Replace all of an address."""
    return await addresses.replace(session, actor, address_id, body)


@router.delete("/{address_id}", status_code=204, responses=problems(401, 403))
async def remove_address(
    address_id: uuid.UUID, session: SessionDep, actor: PatientActor
) -> None:
    """Forget an address."""
    await addresses.remove(session, actor, address_id)
