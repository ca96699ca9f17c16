"""What a doctor should know of an account holder before the visit."""

import uuid
from datetime import date
from enum import StrEnum

from sqlmodel import Field

from models.base import Table, enum_type, one_of


class Sex(StrEnum):
    """Sex as the medical record states it."""

    FEMALE = "female"
    MALE = "male"


class BloodType(StrEnum):
    """ABO group with the Rh factor."""

    O_NEGATIVE = "O-"
    O_POSITIVE = "O+"
    A_NEGATIVE = "A-"
    A_POSITIVE = "A+"
    B_NEGATIVE = "B-"
    B_POSITIVE = "B+"
    AB_NEGATIVE = "AB-"
    AB_POSITIVE = "AB+"


class PatientProfile(Table, table=True):
    """The account holder's own medical facts; never shown with another subject."""

    __tablename__ = "patient_profile"
    __table_args__ = (
        one_of("sex", Sex, nullable=True),
        one_of("blood_type", BloodType, nullable=True),
    )

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", unique=True
    )
    birth_date: date | None = Field(default=None)
    sex: Sex | None = Field(default=None, sa_type=enum_type(Sex))
    blood_type: BloodType | None = Field(default=None, sa_type=enum_type(BloodType))
    insurance_number: str | None = Field(default=None, max_length=32)
    allergies: str | None = Field(default=None, max_length=2000)
    chronic_conditions: str | None = Field(default=None, max_length=2000)
    emergency_contact: str | None = Field(default=None, max_length=300)
