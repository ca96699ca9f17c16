"""How a caller of the demo is written into a call."""

from models.specialization import Specialization
from sandbox.history import Caller
from services.booking_drafts import SubjectInput
from services.inputs import AddressInput


def address_of(caller: Caller) -> AddressInput:
    """The caller's home."""
    text, entrance, floor, intercom, flat, _, latitude, longitude = caller.place.split(
        "\t"
    )
    return AddressInput(
        text=text,
        entrance=entrance,
        floor=floor,
        intercom=intercom,
        flat=flat,
        latitude=float(latitude),
        longitude=float(longitude),
    )


def subject_of(caller: Caller, kind: Specialization) -> SubjectInput | None:
    """Whom the doctor is called to, where it is a child."""
    if kind is not Specialization.PEDIATRICIAN:
        return None
    name, birth_date = caller.child.split("\t")
    return SubjectInput.model_validate({"name": name, "birth_date": birth_date})
