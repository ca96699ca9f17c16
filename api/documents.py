"""Papers that go with one's application as a doctor."""

import uuid
from typing import Annotated, Any

from fastapi import Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from api import uploads
from api.deps import Credentials, CurrentUser, SessionDep, current_caller
from api.field_errors import malformed
from api.problems import problems
from api.routing import router as make_router
from api.schemas.documents import UPLOAD_FORM, DocumentAnswer, DocumentBody
from services import documents, file_names, files, rate_limits
from services.edges import in_transaction, transaction
from services.files import Taken
from services.inputs import wrong

PREFIX = "/v1/me/doctor-application/documents"
router = make_router(PREFIX, "Doctor application")
_TAKEN = "tot.taken"
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
    """Check who asks, then open the file while no transaction waits for it.

    An attempt that starts anew after a lost race goes on with the file it has.
    """
    sessions = request.app.state.sessions
    async with transaction(sessions) as own:
        caller = await current_caller(request, own, credentials)
        await documents.demand_open(own, caller.actor, caller.user_id)
        await documents.demand_room(own, caller.user_id)
    kept: tuple[DocumentBody, Taken] | None = request.scope.get(_TAKEN)
    if kept is None:
        await in_transaction(
            sessions, lambda own: rate_limits.upload(own, caller.user_id)
        )
        body, parts = await _checked(request)
        kept = body, await files.take(parts.give(), parts.file_name)
        request.scope[_TAKEN] = kept
    return kept


async def _checked(request: Request) -> tuple[DocumentBody, uploads.Parts]:
    parts = await uploads.parts(request)
    if parts.file_field != "file":
        raise wrong("file")
    try:
        # A form cannot say null: a field left empty was not filled in.
        filled = {name: value for name, value in parts.fields.items() if value}
        return DocumentBody.model_validate(filled), parts
    except ValidationError as error:
        raise malformed(error) from None


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
