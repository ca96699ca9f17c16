"""One's own consents, and the texts that may be agreed to."""

from typing import Annotated

from fastapi import Path

from api.deps import ClientAddress, CurrentUser, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.consents import (
    ConsentAnswer,
    ConsentList,
    ConsentTextAnswer,
    ConsentTextList,
)
from services import consents
from services.consents import ConsentInput

router = make_router("/v1", "Accounts")
KindInPath = Annotated[str, Path(min_length=1, max_length=40)]


@router.get("/consent-texts", responses=problems())
async def read_texts(session: SessionDep) -> ConsentTextList:
    """List the texts that hold now."""
    found = await consents.current(session)
    return ConsentTextList(items=[ConsentTextAnswer.of(each) for each in found])


@router.get("/me/consents", responses=problems(401))
async def read_consents(session: SessionDep, caller: CurrentUser) -> ConsentList:
    """List what one has agreed to and taken back."""
    found = await consents.own(session, caller.actor)
    return ConsentList(items=[ConsentAnswer.of(each) for each in found])


@router.post("/me/consents", status_code=201, responses=problems(401))
async def give_consent(
    body: ConsentInput, session: SessionDep, caller: CurrentUser, address: ClientAddress
) -> ConsentAnswer:
    """Agree to a text."""
    given = await consents.give(session, caller.actor, body, address)
    return ConsentAnswer.of(given)


@router.delete("/me/consents/{kind}", status_code=204, responses=problems(401, 404))
async def withdraw_consent(
    kind: KindInPath, session: SessionDep, caller: CurrentUser
) -> None:
    """Take back one's consents of this kind."""
    await consents.withdraw(session, caller.actor, kind)
