"""Deletes files that no row points to: refused commits, replaced and removed papers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Document, Message
from services import files
from services.config import get_settings

# A row commits within seconds of its file; a day leaves room for any mishap.
YOUNGEST_SECONDS = 24 * 3600


async def sweep(session: AsyncSession) -> int:
    """Delete old files without a row; gives how many."""
    # The files' stamps are real time, even where the demo's clock is ahead.
    query = sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))
    before = float(await session.scalar(query) or 0) - YOUNGEST_SECONDS
    removed = 0
    for folder in sorted(get_settings().files_dir.glob("[0-9a-f][0-9a-f]")):
        names = await asyncio.to_thread(_old, folder, before)
        for name in await _unknown(session, names):
            await files.remove(name)
            removed += 1
    return removed


def _old(folder: Path, before: float) -> list[str]:
    return [path.name for path in folder.iterdir() if path.stat().st_mtime < before]


async def _unknown(session: AsyncSession, names: Sequence[str]) -> set[str]:
    unknown = set(names)
    for column in (col(Document.storage_name), col(Message.storage_name)):
        known = await session.scalars(sa.select(column).where(column.in_(names)))
        unknown.difference_update(known)
    return unknown
