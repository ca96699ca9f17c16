"""Files of applicants for curators: saved, or looked at page by page.

Each answer leaves after its line in the journal is committed. A picture of a page is
an attachment as well: browsers show it in `<img>` and nowhere else.
"""

import uuid

from starlette.requests import Request
from starlette.responses import Response

from backoffice.pages import Page, page, staff_of
from services import documents, file_names, files
from services.edges import in_transaction
from services.errors import NotFound
from services.files import StoredFile
from services.i18n import Lazy
from services.permissions import Permission


class DocumentFiles(Page):
    """The files behind an application's page."""

    name = Lazy("Documents of applicants")
    icon = "ti ti-file"
    needs = {"list": Permission.DOCUMENT_READ}
    in_menu = False

    @page("/documents/{pk}/file")
    async def document_file(self, request: Request) -> Response:
        """Save the whole file."""
        stored = await _read(request)
        return _answer(stored.file_name, stored.media_type, stored.content)

    @page("/documents/{pk}/page/{number}")
    async def document_page(self, request: Request) -> Response:
        """Draw one page; the work is done once the transaction is over."""
        stored = await _read(request)
        number = request.path_params["number"]
        if not (number.isascii() and number.isdigit() and len(number) < 4):
            raise NotFound
        drawn = await files.preview(stored, int(number))
        name = file_names.cleaned(stored.file_name, drawn.media_type)
        return _answer(name, drawn.media_type, drawn.content)


async def _read(request: Request) -> StoredFile:
    try:
        key = uuid.UUID(request.path_params["pk"])
    except ValueError:
        raise NotFound from None
    actor = staff_of(request).actor
    return await in_transaction(
        request.app.state.sessions,
        lambda session: documents.read_file(session, actor, key),
    )


def _answer(name: str, media_type: str, content: bytes) -> Response:
    headers = file_names.download_headers(name)
    return Response(content, headers=headers, media_type=media_type)
