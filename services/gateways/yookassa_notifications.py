"""The provider's notifications: a hint to look at one object, and nothing more.

They carry no signature, so of the object's content only the id is read; what it has
become is asked of the provider. Source: https://yookassa.ru/developers/using-api/webhooks
"""

from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints


class NotifiedObject(BaseModel):
    """The object that changed; everything but its id is left unread."""

    id: Annotated[
        str,
        StringConstraints(strict=True, pattern=r"^([a-z]{2}-)?[0-9a-f-]{36}$"),
    ]


class Notification(BaseModel):
    """One notification: `payment.succeeded` about an id."""

    type: Literal["notification"]
    event: Annotated[
        str,
        StringConstraints(strict=True, pattern=r"^[a-z_]{1,32}\.[a-z_]{1,32}$"),
    ]
    object: NotifiedObject


def parse_notification(body: bytes) -> Notification:
    """Read a notification; raises ValueError for anything else."""
    return Notification.model_validate_json(body)
