"""What accounts send and answer."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from models.patient_profile import BloodType, Sex
from models.role_grant import Role
from services.accounts import Card, NewPassword, Password
from services.inputs import Input

Login = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=254)]
Token = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]


class LoginBody(Input):
    """An e-mail or phone number, and the password."""

    login: Login
    password: Password


class RefreshBody(Input):
    """The refresh token of the last answer."""

    refresh_token: Token


class PasswordBody(Input):
    """The present password and the next one."""

    current_password: Password
    new_password: NewPassword


class UserAnswer(BaseModel):
    """A person as they see themselves."""

    id: uuid.UUID
    email: str | None
    phone: str | None
    first_name: str
    last_name: str
    middle_name: str | None
    roles: list[Role]
    email_verified: bool
    phone_verified: bool
    locale: str
    created_at: datetime

    @classmethod
    def of(cls, card: Card) -> Self:
        user = card.user
        return cls(
            id=user.id,
            email=user.email,
            phone=user.phone or user.claimed_phone,
            first_name=user.first_name,
            last_name=user.last_name,
            middle_name=user.middle_name,
            roles=sorted(card.roles),
            email_verified=user.email_verified_at is not None,
            phone_verified=user.phone_verified_at is not None,
            locale=user.locale,
            created_at=user.created_at,
        )


class TokenAnswer(BaseModel):
    """A sign-in: who, and the pair of tokens."""

    user: UserAnswer
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a word of the contract
    expires_in: int


class SignInAnswer(BaseModel):
    """One of one's own sign-ins."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool


class ProfileAnswer(BaseModel):
    """One's own medical facts."""

    model_config = ConfigDict(from_attributes=True)

    birth_date: date | None
    sex: Sex | None
    blood_type: BloodType | None
    insurance_number: str | None
    allergies: str | None
    chronic_conditions: str | None
    emergency_contact: str | None


class AddressAnswer(BaseModel):
    """One saved door."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    label: str | None
    text: str
    entrance: str | None
    floor: str | None
    intercom: str | None
    flat: str | None
    notes: str | None
    latitude: float | None
    longitude: float | None
