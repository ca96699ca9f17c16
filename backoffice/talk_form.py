"""What is typed on the small page of a talk: words, or how a visit ended."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from services.booking_drafts import ItemInput
from services.chat import ClientId, Text
from services.inputs import Input, Prose

QUANTITY = "quantity_"


class Words(Input):
    """Something to say, under a name of its own."""

    text: Text
    client_id: ClientId


class Ending(Input):
    """How long the visit took, what was found, what was done beyond it."""

    actual_minutes: Annotated[int, Field(ge=1, le=1440)]
    conclusion: Annotated[Prose, StringConstraints(max_length=10_000)]
    items: Annotated[list[ItemInput], Field(max_length=50)]


def words(form: Mapping[str, Any]) -> Words:
    """Read something to say; pydantic's ValidationError names what does not fit."""
    return Words.model_validate({name: form.get(name) for name in Words.model_fields})


def ending(form: Mapping[str, Any]) -> Ending:
    """Read how the visit ended; a quantity left empty or zero is nothing done."""
    facts = {name: form.get(name) for name in ("actual_minutes", "conclusion")}
    items = [
        {"price_item_id": name.removeprefix(QUANTITY), "quantity": count}
        for name, value in form.items()
        if name.startswith(QUANTITY) and (count := _count(value))
    ]
    return Ending.model_validate({**facts, "items": items})


def _count(value: Any) -> int:
    """A quantity as it is typed; what is no number is too much of everything."""
    typed = str(value).strip()
    return int(typed or 0) if len(typed) < 4 and (typed or "0").isdecimal() else 10**6
