"""Papers that go with one's application as a doctor."""

import uuid
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from api import uploads
from api.deps import Credentials, CurrentUser, SessionDep, current_caller
from api.problems import problems
from api.routing import router as make_router
from api.schemas.documents import UPLOAD_FORM, DocumentAnswer, DocumentBody
from services import documents, file_names
from services.edges import transaction
from services.files import Taken

PREFIX = "/v1/me/doctor-application/documents"
router = make_router(PREFIX, "Doctor application")
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in file_names.EXTENSIONS
        }
    }
}


async def cleaned_upload(
    request: Request, credentials: Credentials
) -> tuple[DocumentBody, Taken]:
    """Check who asks, then open the file while no transaction waits for it."""
    sessions = request.app.state.sessions
    async with transaction(sessions) as own:
        caller = await current_caller(request, own, credentials)
        await documents.demand_open(own, caller.actor, caller.user_id)
        await documents.demand_room(own, caller.user_id)
    return await uploads.cleaned(request, caller.user_id, DocumentBody)


Upload = Annotated[tuple[DocumentBody, Taken], Depends(cleaned_upload)]


@router.post(
    "",
    status_code=201,
    responses=problems(401, 403, 409, 429),
    openapi_extra=UPLOAD_FORM,
)
async def add(
    upload: Upload, session: SessionDep, caller: CurrentUser
) -> DocumentAnswer:
    """Give a paper: JPEG, PNG, WebP or PDF, told by content; kept without metadata."""
    body, taken = upload
    facts = documents.DocumentFacts(**body.model_dump(exclude={"kind"}))
    actor = caller.actor
    return DocumentAnswer.of(
        await documents.add(session, actor, actor.user_id, body.kind, facts, taken)
    )


@router.get(
    "/{document_id}/file",
    response_class=Response,
    responses=problems(401, 403) | FILES,
)
async def read_file(
    document_id: uuid.UUID, session: SessionDep, caller: CurrentUser
) -> Response:
    """Save the file of a paper of one's own."""
    stored = await documents.own_file(session, caller.actor, document_id)
    headers = file_names.download_headers(stored.file_name)
    return Response(stored.content, headers=headers, media_type=stored.media_type)


@router.delete("/{document_id}", status_code=204, responses=problems(401, 403, 409))
async def remove(
    document_id: uuid.UUID, session: SessionDep, caller: CurrentUser
) -> None:
    """Take a paper back that is not in force."""
    await documents.remove(session, caller.actor, document_id)
