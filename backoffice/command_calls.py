"""What a command of the console is given: who asks, with which fields, on which row."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from backoffice import problems
from backoffice.pages import local_path, readable, staff_of
from services.actor import Actor
from services.errors import NotFound, ValidationFailed
from services.files import Taken
from services.i18n import gettext
from services.staff_sessions import Staff


class Call:
    """One use of a command: who, with which fields, on which row."""

    def __init__(
        self,
        request: Request,
        fields: Mapping[str, Any],
        lists: Mapping[str, list[str]] | None = None,
    ) -> None:
        self.request = request
        self.fields = fields
        self.lists = lists or {}
        # A file that came with the form, checked and cleaned before the command runs.
        self.taken: Taken | None = None
        self.staff: Staff = staff_of(request)

    @property
    def actor(self) -> Actor:
        """The actor for the service."""
        return self.staff.actor

    @classmethod
    async def read(cls, request: Request, files: int = 0) -> "Call":
        """Take the fields from a form, with this many files, or from a JSON object."""
        kind = request.headers.get("content-type", "")
        if kind.startswith("application/json"):
            call = cls(request, await _json_object(request))
        else:
            form = await request.form(max_files=files, max_fields=300)
            lists = {name: [str(v) for v in form.getlist(name)] for name in form}
            call = cls(request, dict(form), lists)
        if any(map(_foul, _texts([*call.fields.values(), call.lists]))):
            raise problems.Refused
        return call

    def id(self, name: str) -> uuid.UUID:
        """An identifier from the path or the fields; a malformed one is not found."""
        raw = self.request.path_params.get(name, self.fields.get(name, ""))
        try:
            return uuid.UUID(str(raw))
        except ValueError:
            raise NotFound from None

    def optional_id(self, name: str) -> uuid.UUID | None:
        """An identifier that may be left out."""
        return self.id(name) if self.text(name) else None

    def upload(self, name: str) -> UploadFile | None:
        """A file of the form, or None where the field was left empty."""
        value = self.fields.get(name)
        return value if isinstance(value, UploadFile) and value.size else None

    def text(self, name: str) -> str:
        """A field without the blanks around it; an absent one is empty."""
        value = self.fields.get(name)
        return "" if value is None else str(value).strip()

    def many(self, name: str) -> list[str]:
        """All values of a field that may be given several times."""
        value = self.fields.get(name)
        if isinstance(value, list):
            return [str(each).strip() for each in value]
        return [each.strip() for each in self.lists.get(name, []) if each.strip()]

    def words(self, name: str, most: int = 500, shown_as: str = "") -> str:
        """A field that must be filled in and be no longer than that.

        `shown_as` names it in the message, where no form stands beside that.
        """
        value, named = self.text(name), f"{shown_as}: " if shown_as else ""
        if not value:
            raise self.wrong(name, named + gettext("This field is required."))
        if len(value) > most:
            raise self.wrong(name, named + gettext("This value is too long."))
        return value

    def integer(self, name: str) -> int | None:
        """A whole number, or None where the field is empty."""
        raw = self.text(name)
        if not raw:
            return None
        if not raw.removeprefix("-").isascii() or not raw.removeprefix("-").isdigit():
            raise self.wrong(name, gettext("Enter a whole number."))
        if len(raw) > 10:
            raise self.wrong(name, gettext("This value does not fit."))
        return int(raw)

    def checked(self, name: str) -> bool:
        """A box that is ticked."""
        return self.text(name).lower() in {"1", "on", "true", "yes"}

    def wrong(self, name: str, message: str) -> ValidationFailed:
        """Make the error that points at one field."""
        return ValidationFailed(errors=[{"field": name, "message": message}])

    def back(self) -> str:
        """Where the form was: its `next` field, else the page it was sent from."""
        here = self.request
        wanted = (self.text("next"), here.headers.get("referer"))
        found = (readable(here, local_path(here, each)) for each in wanted)
        return next(filter(None, found), "/admin/")


def _foul(text: str) -> bool:
    """No column keeps a NUL, and half of a surrogate pair is no text at all."""
    return "\x00" in text or any("\ud800" <= each <= "\udfff" for each in text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise problems.Refused from None
    if not isinstance(body, dict):
        raise problems.Refused
    return body
