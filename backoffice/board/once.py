"""A command from the page is carried out once, however often it arrives."""

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256

import sqlalchemy as sa
from fastapi.encoders import jsonable_encoder
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.command_calls import Call
from backoffice.commands import Done
from services import direct, idempotency
from services.errors import IdempotencyKeyReused
from services.idempotency import Attempt

KEY_LENGTH = 64


async def once(
    session: AsyncSession, call: Call, work: Callable[[], Awaitable[Done]]
) -> Done:
    """Do the work under the command's own key; a twin gets the first answer.

    Commands without a key come from plain forms, which the version protects.
    """
    key = call.text("command")
    if not key:
        return await work()
    if len(key) > KEY_LENGTH:
        raise call.wrong("command", "The key is too long.")
    said = json.dumps(call.fields, sort_keys=True, default=str)
    path = call.request.url.path[-200:]
    attempt = Attempt(
        call.actor.user_id, "POST", path, key, sha256(said.encode()).hexdigest()
    )
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(attempt.lock)))
    kept = await direct.fetch_one(session, idempotency.LOOKUP, vars(attempt))
    if kept is not None:
        if kept.request_hash != attempt.request_hash:
            raise IdempotencyKeyReused
        answer = json.loads(kept.body)
        return Done(answer["text"], data=answer["data"])
    done = await work()
    body = json.dumps(jsonable_encoder({"text": done.text, "data": done.data}))
    await idempotency.keep(session, attempt, 200, body)
    return done
