"""What a caller may say about a call; everything else is decided by the service."""

import uuid
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from models.booking_words import CallType, Priority
from models.patient_profile import Sex
from models.specialization import Specialization
from services.i18n import gettext
from services.inputs import (
    AddressInput,
    BirthDate,
    Input,
    Line,
    Moment,
    Name,
    Phone,
    Prose,
)

Symptoms = Annotated[Prose, StringConstraints(max_length=2000)]
Medical = Annotated[Prose, StringConstraints(max_length=2000)]


class SubjectInput(Input):
    """Another person than the account holder, with their own medical facts."""

    name: Annotated[Line, StringConstraints(max_length=200)]
    birth_date: BirthDate | None = None
    sex: Sex | None = None
    allergies: Medical | None = None
    chronic_conditions: Medical | None = None
    contact_phone: Phone | None = None


class CallerInput(Input):
    """The person on the phone; found by the number, or entered as a new patient."""

    phone: Phone
    first_name: Name | None = None
    last_name: Name | None = None
    middle_name: Name | None = None
    birth_date: BirthDate | None = None
    sex: Sex | None = None


class Window(Input):
    """When the doctor should come, as the caller wishes."""

    wanted_from: Moment | None = None
    wanted_to: Moment | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        starts, ends = self.wanted_from, self.wanted_to
        if starts is not None and ends is not None and ends <= starts:
            raise ValueError(gettext("The wanted time ends before it begins"))
        return self


class PatientDraft(Window):
    """A new call in a patient's words; no price, status or priority among them."""

    call_type: CallType
    specialization: Specialization = Specialization.THERAPIST
    symptoms: Symptoms
    address: AddressInput | None = None
    address_id: uuid.UUID | None = None
    subject: SubjectInput | None = None
    preferred_doctor_id: uuid.UUID | None = None

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.address is None) == (self.address_id is None) and self.needs_address:
            raise ValueError(gettext("Give either an address or address_id"))
        return self

    @model_validator(mode="after")
    def _scheduled_has_window(self) -> Self:
        window = (self.wanted_from, self.wanted_to)
        if self.call_type is CallType.SCHEDULED and None in window:
            raise ValueError(gettext("A scheduled call needs wanted_from, wanted_to"))
        return self

    @property
    def needs_address(self) -> bool:
        """Whether the draft must say where to go."""
        return True


class BookingDraft(PatientDraft):
    """A new call as a dispatcher takes it: for whom, how pressing, at which stop."""

    patient_id: uuid.UUID | None = None
    caller: CallerInput | None = None
    priority: Priority | None = None
    same_stop_as: uuid.UUID | None = None

    @model_validator(mode="after")
    def _one_patient(self) -> Self:
        if (self.patient_id is None) == (self.caller is None):
            raise ValueError(gettext("Give either patient_id or caller"))
        return self

    @property
    def needs_address(self) -> bool:
        """The same stop has its address already."""
        return self.same_stop_as is None


class BookingChanges(Window):
    """What is to be changed; a field that was not given stays as it is."""

    address: AddressInput | None = None
    contact_phone: Phone | None = None
    specialization: Specialization | None = None
    symptoms: Symptoms | None = None
    priority: Priority | None = None


class ItemInput(Input):
    """One line of the price list and how many of it."""

    price_item_id: uuid.UUID
    quantity: Annotated[int, Field(strict=True, ge=1, le=100)] = 1
