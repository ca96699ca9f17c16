"""What proves a contact or a forgotten password."""

from typing import Annotated

from pydantic import StringConstraints

from api.schemas.accounts import Login
from models.verification_code import Channel
from services.accounts import NewPassword, Password
from services.inputs import Email, Input, Phone

Code = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{6}$")]
LinkToken = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=500)]


class ChannelBody(Input):
    """Which contact to send a code to."""

    channel: Channel


class ConfirmationBody(ChannelBody):
    """The code that arrived there."""

    code: Code


class CodeBody(Input):
    """The code that arrived at the new contact."""

    code: Code


class EmailBody(Input):
    """The next e-mail address, and who says so."""

    email: Email
    current_password: Password


class PhoneBody(Input):
    """The next phone number, and who says so."""

    phone: Phone
    current_password: Password


class ResetBody(Input):
    """Whose password was forgotten."""

    login: Login


class ResetConfirmationBody(Input):
    """The token of the link, and the next password."""

    token: LinkToken
    new_password: NewPassword
