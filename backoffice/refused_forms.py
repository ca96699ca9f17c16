"""What a refused form is drawn anew with, so that no typed text is lost."""

from backoffice.command_calls import Call
from backoffice.commands import sentence
from backoffice.new_call_form import Typed
from services.errors import DomainError


def refused(call: Call | None, error: DomainError | None) -> Typed:
    """Keep what was typed, what is wrong about each field, and the sentence for all."""
    found = error.facts.get("errors", []) if error else []
    wrong = {each["field"]: each["message"] for each in found}
    return Typed(call.fields if call else {}, wrong, sentence(error) if error else "")
