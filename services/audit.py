"""The journal's only writer."""

import uuid
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent
from services.actor import Actor
from services.request_id import current_request_id


def record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: uuid.UUID | None,
    **data: Any,
) -> None:
    """Write one line of the journal in the caller's transaction.

    `data` holds facts and codes that JSON can carry; never a secret. What is personal
    stands under `reason`, `before` and `after` alone: these go with an erased person.
    """
    session.add(
        AuditEvent(
            actor_id=actor.user_id,
            acting_as=actor.acting_as,
            via=actor.via.value,
            action=action,
            object_type=object_type,
            object_id=object_id,
            data=data,
            request_id=current_request_id(),
        )
    )
