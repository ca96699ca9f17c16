"""A doctor's profile, as the doctor sees it."""

import uuid
from datetime import date, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from models.profile_change import ChangeStatus
from models.specialization import Specialization
from services.doctor_profiles import OwnProfile


class ChangeAnswer(BaseModel):
    """The last request to a curator and what became of it."""

    model_config = ConfigDict(from_attributes=True)

    status: ChangeStatus
    facts: dict[str, Any]
    reason: str | None
    updated_at: datetime
    decided_at: datetime | None


class DoctorProfileAnswer(BaseModel):
    """What holds now; `change` waits for a curator, or says what was decided."""

    model_config = ConfigDict(from_attributes=True)

    specializations: list[Specialization]
    licence_number: str
    licence_expires_on: date
    documents_valid_until: date | None
    education: str | None
    experience_years: int | None
    birth_date: date | None
    languages: list[str]
    about: str | None
    home_district: str | None
    home_latitude: float | None
    home_longitude: float | None
    clinic_id: uuid.UUID | None
    rating: float | None
    approved_at: datetime | None
    suspended_at: datetime | None
    suspended_reason: str | None
    change: ChangeAnswer | None = None

    @classmethod
    def of(cls, own: OwnProfile) -> Self:
        answer = cls.model_validate(own.profile)
        change = own.change and ChangeAnswer.model_validate(own.change)
        return answer.model_copy(update={"change": change})
