"""Pictures that are refused, and pictures that are not even fetched."""

from io import BytesIO
from typing import Any

import pytest
from aiogram import Bot
from aiogram.types import PhotoSize

from api.telegram import edge
from services.config import get_settings
from services.errors import TooLarge, Unavailable
from tests.api.telegram.stage import Stage
from tests.api.telegram.visiting import pair, said_in


async def test_what_is_no_picture_is_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, _, _, _, patients = await pair(stage)

    async def download(_: Bot, file: object, target: BytesIO, **__: object) -> None:
        target.write(b"\xff\xd8\xff\xe0 not a picture")

    monkeypatch.setattr(Bot, "download", download)
    patients.photo()
    await stage.heard()
    assert patients.texts[-1] == "Файл повреждён или не полон."
    assert await said_in(stage, booking) == []


async def test_a_picture_that_is_too_large_is_not_fetched(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, _, _, _, patients = await pair(stage)
    monkeypatch.setattr(get_settings(), "max_upload_bytes", 10)
    patients.photo()
    await stage.heard()
    assert "слишком" in patients.texts[-1].lower()
    assert await said_in(stage, booking) == []
    assert stage.telegram.calls("getFile") == []


async def test_a_picture_that_cannot_be_fetched_is_to_be_sent_again(
    stage: Stage,
) -> None:
    booking, _, _, _, patients = await pair(stage)
    patients.photo()
    updates = await stage.poll.bot.get_updates(timeout=0)
    stage.telegram.outage(times=1)
    await stage.poll.dispatcher.feed_update(stage.poll.bot, updates[-1])
    assert "недоступен" in patients.texts[-1]
    assert await said_in(stage, booking) == []


async def test_a_picture_that_leads_nowhere_is_not_fetched(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, phone = await stage.patient()
    await stage.call(patient)
    phone.photo()
    await stage.heard()
    assert not stage.telegram.calls("getFile")
    await stage.content(patient)
    phone.photo()
    await stage.heard()
    assert len(stage.telegram.calls("getFile")) == 1
    # And it is bounded, whatever size is told.
    monkeypatch.setattr(get_settings(), "max_upload_bytes", 100)
    size = PhotoSize(file_id="x", file_unique_id="x", width=1, height=1)

    async def download(_: Any, file: Any, target: Any, **__: Any) -> None:
        target.write(b"x" * 60)
        target.write(b"x" * 60)

    monkeypatch.setattr(Bot, "download", download)
    with pytest.raises(TooLarge):
        await edge._fetched(stage.poll.bot, size)
    told = size.model_copy(update={"file_size": 101})
    with pytest.raises(TooLarge):
        await edge._fetched(stage.poll.bot, told)

    async def away(*_: Any, **__: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(Bot, "download", away)
    with pytest.raises(Unavailable):
        await edge._fetched(stage.poll.bot, size)
