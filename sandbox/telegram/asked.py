"""The parameters of a call: from the query, a form with files, or JSON."""

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from sandbox.telegram.refusals import bad


@dataclass
class Asked:
    """What a method was called with; forms say everything in strings."""

    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        value = self.fields.get(name)
        return None if value is None else str(value)

    def whole(self, name: str, default: int = 0) -> int:
        value = self.fields.get(name, default)
        try:
            return int(str(value))
        except ValueError:
            raise bad(f"invalid {name} specified") from None

    def real(self, name: str) -> float:
        try:
            return float(str(self.fields[name]))
        except (KeyError, ValueError):
            raise bad(f"{name} must be a number") from None

    def flag(self, name: str) -> bool:
        return str(self.fields.get(name, "")).lower() in {"true", "1", "yes"}

    def parsed(self, name: str) -> Any:
        """An object or a list, written as JSON inside of a form."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise bad(f"can't parse {name} JSON object") from None


async def read(request: Request) -> Asked:
    asked = Asked(dict(request.query_params))
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/json":
        asked.fields |= await _json(request)
    elif kind in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        async with request.form() as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    asked.files[name] = await value.read()
                else:
                    asked.fields[name] = value
    return asked


async def _json(request: Request) -> dict[str, Any]:
    try:
        told = json.loads(await request.body() or b"{}")
    except ValueError:
        raise bad("can't parse JSON object") from None
    if not isinstance(told, dict):
        raise bad("the JSON body must be an object")
    return told
