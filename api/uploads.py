"""Bodies in parts: read once, bounded, and told apart from their boundary."""

import hashlib
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from api.field_errors import malformed
from services import files, rate_limits
from services.edges import in_transaction
from services.files import Taken
from services.i18n import gettext
from services.inputs import wrong

Body = TypeVar("Body", bound=BaseModel)

# What the parts around a file may take; the door adds it to the file's own limit.
AROUND = 16_384
MOST_FIELDS = 10
_KEPT = "tot.parts"
_TAKEN = "tot.taken"


@dataclass
class Parts:
    """The fields of a form and its one file."""

    fields: dict[str, str]
    file_field: str | None
    file_name: str
    content: bytes

    @cached_property
    def fingerprint(self) -> bytes:
        """What tells these parts from others, without the boundary around them."""
        named = [*sorted(self.fields.items()), (self.file_field, self.file_name)]
        digest = hashlib.sha256(repr(named).encode())
        digest.update(self.content)
        return digest.digest()

    def give(self) -> bytes:
        """Hand the file over and keep none of it."""
        content, self.content = self.content, b""
        return content


def is_multipart(request: Request) -> bool:
    """Tell whether the body comes in parts."""
    kind = request.headers.get("content-type", "")
    return kind.lower().startswith("multipart/form-data")


async def parts(request: Request) -> Parts:
    """Read the parts; a field given twice or a second file is malformed."""
    kept: Parts | None = request.scope.get(_KEPT)
    if kept is None:
        if not is_multipart(request):
            raise wrong("body", gettext("A form with a file is needed."))
        kept = request.scope[_KEPT] = await _read(request)
    return kept


async def _read(request: Request) -> Parts:
    fields: dict[str, str] = {}
    found: dict[str, tuple[str, bytes]] = {}
    limits: dict[str, Any] = {"max_files": 1, "max_fields": MOST_FIELDS}
    async with request.form(**limits, max_part_size=AROUND) as form:
        for name, value in form.multi_items():
            if name in fields or name in found:
                raise wrong(name, gettext("This value does not fit."))
            if isinstance(value, UploadFile):
                found[name] = (value.filename or "", await value.read())
            elif "\x00" in value:
                raise wrong(name, gettext("This value does not fit."))
            else:
                fields[name] = value
    field, (file_name, content) = next(iter(found.items()), (None, ("", b"")))
    return Parts(fields, field, file_name, content)


async def fingerprint(request: Request) -> bytes:
    """Condense what the parts say; equal for any boundary around them."""
    return (await parts(request)).fingerprint


async def cleaned(
    request: Request, user_id: uuid.UUID, form: type[Body]
) -> tuple[Body, Taken]:
    """Read a form with its file and open the file, counted, outside any transaction.

    An attempt that starts anew after a lost race goes on with the file it has.
    """
    kept: tuple[Body, Taken] | None = request.scope.get(_TAKEN)
    if kept is None:
        sessions = request.app.state.sessions
        await in_transaction(sessions, lambda own: rate_limits.upload(own, user_id))
        body, found = await _filled(request, form)
        kept = body, await files.take(found.give(), found.file_name)
        request.scope[_TAKEN] = kept
    return kept


async def _filled(request: Request, form: type[Body]) -> tuple[Body, Parts]:
    found = await parts(request)
    if found.file_field != "file":
        raise wrong("file")
    # A form cannot say null: a field left empty was not filled in.
    filled = {name: value for name, value in found.fields.items() if value}
    try:
        return form.model_validate(filled), found
    except ValidationError as error:
        raise malformed(error) from None
