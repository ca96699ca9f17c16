"""Linking an account with a chat: three steps, and every way to steal one (A13)."""

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Notification, RoleGrant, TalkLink, TelegramLink
from models.notification import NotificationChannel
from models.role_grant import Role
from models.telegram import LinkState
from services import (
    clock,
    erasure,
    roles,
    staff,
    talk_links,
    telegram_dialogs,
    telegram_links,
)
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import (
    Conflict,
    Forbidden,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from services.talk_links import TalkLinkOver
from services.telegram_links import ChatTaken
from tests import factories
from tests.conftest import settle
from tests.telegram_accounts import BOT, bot_set_up, code_of, link


async def actions(session: AsyncSession) -> list[str]:
    query = select(AuditEvent.action).where(col(AuditEvent.action).like("telegram.%"))
    return list((await session.exec(query.order_by(col(AuditEvent.id)))).all())


async def test_three_steps_make_a_link(session: AsyncSession) -> None:
    user = await factories.patient(session)
    actor = factories.as_patient(user)
    assert (await telegram_links.state(session, actor)).state == "none"
    with bot_set_up():
        offer = await telegram_links.offer(session, actor)
    # 128 bits, six in each sign; the table knows the hash only.
    assert re.fullmatch(rf"https://t\.me/{BOT}\?start=[0-9A-Za-z_-]{{22}}", offer.url)
    row = (await session.exec(select(TelegramLink))).one()
    assert code_of(offer.url) not in str(row.model_dump())
    told = await telegram_links.state(session, actor)
    assert (told.state, told.expires_at) == ("offered", offer.expires_at)
    claimed = await telegram_links.claim(session, 501, "Анна", code_of(offer.url))
    assert claimed is not None
    assert await telegram_links.chat_of(session, user.id) is None
    told = await telegram_links.state(session, actor)
    assert (told.state, told.chat_name) == ("claimed", "Анна")
    done = await telegram_links.confirm(session, actor)
    assert (done.state, done.chat_name) == ("linked", "Анна")
    assert await telegram_links.state(session, actor) == done
    assert await telegram_links.chat_of(session, user.id) == 501
    assert await actions(session) == ["telegram.offered", "telegram.linked"]
    await settle(session)


async def test_ten_minutes_and_one_use(session: AsyncSession) -> None:
    user = await factories.patient(session)
    actor = factories.as_patient(user)
    with bot_set_up():
        offer = await telegram_links.offer(session, actor)
    code = code_of(offer.url)
    assert offer.expires_at - await clock.now(session) <= timedelta(minutes=10)
    await clock.shift(session, 601)
    assert await telegram_links.claim(session, 1, "", code) is None
    assert (await telegram_links.state(session, actor)).state == "none"
    await clock.shift(session, 0)
    assert await telegram_links.claim(session, 1, "", code) is not None
    # A replay, from the same chat or another one.
    assert await telegram_links.claim(session, 1, "", code) is None
    assert await telegram_links.claim(session, 2, "", code) is None
    await clock.shift(session, 601)
    with pytest.raises(Conflict):
        await telegram_links.confirm(session, actor)


async def test_a_new_code_burns_the_one_before(session: AsyncSession) -> None:
    actor = factories.as_patient(await factories.patient(session))
    with bot_set_up():
        first = code_of((await telegram_links.offer(session, actor)).url)
        second = code_of((await telegram_links.offer(session, actor)).url)
    assert await telegram_links.claim(session, 1, "", first) is None
    assert await telegram_links.claim(session, 1, "", second) is not None
    with bot_set_up():
        await telegram_links.offer(session, actor)
    # A chat that has shown the old code is not confirmed by the new one.
    with pytest.raises(Conflict):
        await telegram_links.confirm(session, actor)


@pytest.mark.parametrize("guess", ["", "x", "A" * 22, "A" * 5000])
async def test_a_guess_finds_nothing(session: AsyncSession, guess: str) -> None:
    actor = factories.as_patient(await factories.patient(session))
    with bot_set_up():
        await telegram_links.offer(session, actor)
    assert await telegram_links.claim(session, 1, "", guess) is None


async def test_guesses_are_limited_per_chat_and_links_per_person(
    session: AsyncSession,
) -> None:
    for _ in range(10):
        await telegram_links.limit_chat(session, 1)
        await telegram_links.limit(session, factories.nobody())
    with pytest.raises(TooManyRequests):
        await telegram_links.limit_chat(session, 1)
    await telegram_links.limit_chat(session, 2)
    user = factories.nobody()
    for _ in range(10):
        await telegram_links.limit(session, user)
    with pytest.raises(TooManyRequests):
        await telegram_links.limit(session, user)


async def test_without_a_bot_there_is_no_link(session: AsyncSession) -> None:
    actor = factories.as_patient(await factories.patient(session))
    with pytest.raises(Unavailable):
        await telegram_links.offer(session, actor)
    with bot_set_up(name=""), pytest.raises(Unavailable):
        await telegram_links.offer(session, actor)


async def test_only_patients_and_doctors_link(session: AsyncSession) -> None:
    actor = factories.as_staff(await factories.dispatcher(session))
    for verb in (
        telegram_links.offer,
        telegram_links.state,
        telegram_links.confirm,
        telegram_links.unlink,
    ):
        with pytest.raises(Forbidden):
            await verb(session, actor)


async def test_a_chat_that_is_linked_elsewhere_is_refused_at_the_claim(
    session: AsyncSession,
) -> None:
    await link(session, await factories.patient(session), 77)
    thief = factories.as_patient(await factories.patient(session))
    with bot_set_up():
        code = code_of((await telegram_links.offer(session, thief)).url)
    assert await telegram_links.claim(session, 77, "", code) is None
    # The code is still good for a chat that is free.
    assert await telegram_links.claim(session, 78, "", code) is not None


async def test_a_chat_that_was_linked_meanwhile_is_refused_at_the_confirmation(
    session: AsyncSession,
) -> None:
    late = factories.as_patient(await factories.patient(session))
    with bot_set_up():
        code = code_of((await telegram_links.offer(session, late)).url)
    assert await telegram_links.claim(session, 77, "", code) is not None
    await link(session, await factories.patient(session), 77)
    with pytest.raises(ChatTaken):
        await telegram_links.confirm(session, late)


@pytest.mark.race
async def test_two_accounts_that_confirm_one_chat_at_once_get_one_link(
    sessions: Sessions,
) -> None:
    actors = []
    async with transaction(sessions) as own:
        for _ in range(2):
            actor = factories.as_patient(await factories.patient(own))
            with bot_set_up():
                code = code_of((await telegram_links.offer(own, actor)).url)
            assert await telegram_links.claim(own, 77, "", code) is not None
            actors.append(actor)
    async with transaction(sessions) as first:
        await telegram_links.confirm(first, actors[0])
        # The second sees nothing of the first, and waits for its end.
        second = asyncio.create_task(
            in_transaction(sessions, lambda own: telegram_links.confirm(own, actors[1]))
        )
        await asyncio.sleep(0.3)
        assert not second.done()
    with pytest.raises(ChatTaken):
        await second


async def test_other_broken_rules_are_no_taken_chat(session: AsyncSession) -> None:
    user = await factories.patient(session)
    made = TelegramLink(
        user_id=user.id, code_hash="x", expires_at=await clock.now(session)
    )
    made.state = LinkState.CLAIMED
    session.add(made)
    with pytest.raises(IntegrityError):
        await telegram_links._flush(session)


async def test_another_chat_takes_the_place_of_the_first_once_confirmed(
    session: AsyncSession,
) -> None:
    user = await factories.doctor(session)
    actor = await link(session, user, 1, Role.DOCTOR)
    with bot_set_up():
        offer = await telegram_links.offer(session, actor)
    assert await telegram_links.chat_of(session, user.id) == 1
    told = await telegram_links.state(session, actor)
    assert (told.state, told.linked_at is not None) == ("offered", True)
    await telegram_links.claim(session, 2, "Запасной", code_of(offer.url))
    assert await telegram_links.chat_of(session, user.id) == 1
    await telegram_links.confirm(session, actor)
    assert await telegram_links.chat_of(session, user.id) == 2
    # And the first chat is free for somebody else.
    await link(session, await factories.patient(session), 1)
    await settle(session)


async def test_the_same_chat_can_be_linked_anew(session: AsyncSession) -> None:
    user = await factories.patient(session)
    await link(session, user, 1)
    await link(session, user, 1)
    assert await telegram_links.chat_of(session, user.id) == 1


async def test_unlinking_ends_it_with_a_line_in_the_journal(
    session: AsyncSession,
) -> None:
    user = await factories.patient(session)
    actor = await link(session, user, 1)
    await telegram_links.unlink(session, actor)
    assert await telegram_links.chat_of(session, user.id) is None
    assert (await actions(session))[-1] == "telegram.unlinked"
    ended = (await session.exec(select(TelegramLink))).one()
    assert (ended.state, ended.end_reason) == (LinkState.ENDED, "own")
    with pytest.raises(NotFound):
        await telegram_links.unlink(session, actor)
    await settle(session)


async def test_giving_up_an_offer_is_no_unlinking(session: AsyncSession) -> None:
    actor = factories.as_patient(await factories.patient(session))
    with bot_set_up():
        await telegram_links.offer(session, actor)
    await telegram_links.unlink(session, actor)
    assert (await telegram_links.state(session, actor)).state == "none"
    assert await actions(session) == ["telegram.offered"]


async def test_a_blocked_person_loses_the_chat(session: AsyncSession) -> None:
    user = await factories.doctor(session)
    await link(session, user, 1, Role.DOCTOR)
    admin = await factories.person(session, Role.ADMIN)
    await staff.block(session, factories.as_staff(admin, Role.ADMIN), user.id, "Жалобы")
    assert await telegram_links.chat_of(session, user.id) is None


async def test_an_erased_person_loses_the_chat(session: AsyncSession) -> None:
    user = await factories.patient(session)
    await link(session, user, 1)
    user_id = user.id
    await erasure.forget(session, factories.as_patient(user), [user_id])
    assert await telegram_links.chat_of(session, user_id) is None
    assert "telegram.unlinked" in await actions(session)


async def test_the_chat_is_told_whose_it_has_become(session: AsyncSession) -> None:
    user = await factories.patient(session)
    actor = factories.as_patient(user)
    with bot_set_up():
        offer = await telegram_links.offer(session, actor)
    claimed = await telegram_links.claim(session, 5, "Кто-то", code_of(offer.url))
    assert claimed is not None
    name = await telegram_links.owner_of(session, claimed)
    assert name == f"{user.first_name} {user.last_name[0]}."
    await telegram_links.confirm(session, actor)
    told = (await session.exec(select(Notification))).one()
    assert (told.kind, told.channel, told.address) == (
        "telegram_linked",
        NotificationChannel.TELEGRAM,
        "5",
    )
    assert told.facts == {"person": name}


async def test_a_chat_parts_from_an_account_that_lost_its_roles(
    session: AsyncSession,
) -> None:
    """H7: nobody could unlink it, and nobody else could link it."""
    user = await factories.patient(session)
    await link(session, user, 1)
    grant = (
        await session.exec(select(RoleGrant).where(col(RoleGrant.user_id) == user.id))
    ).one()
    grant.revoked_at, grant.revoked_by = await clock.now(session), user.id
    grant.revoke_reason = "Проба"
    await session.flush()
    assert await telegram_links.stop(session, 1)
    assert not await telegram_links.stop(session, 1)
    ended = (await session.exec(select(TelegramLink))).one()
    assert (ended.state, ended.end_reason) == (LinkState.ENDED, "stopped")
    await link(session, await factories.patient(session), 1)


async def test_the_last_role_of_the_bot_takes_the_chat_with_it(
    session: AsyncSession,
) -> None:
    boss = factories.as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    user = await factories.patient(session)
    both = await factories.doctor(session)
    await roles.grant(session, boss, both.id, Role.PATIENT, "Проба")
    for number, each in enumerate((user, both)):
        await link(session, each, number)
        await roles.revoke(session, boss, each.id, Role.PATIENT, "Проба")
    assert await telegram_links.chat_of(session, user.id) is None
    assert await telegram_links.chat_of(session, both.id) == 1


async def test_the_end_of_a_link_ends_all_that_lived_by_it(
    session: AsyncSession,
) -> None:
    user = await factories.patient(session)
    booking = await factories.booking(session, user)
    actor = await link(session, user, 1)
    asked = (telegram_dialogs.TALK, telegram_dialogs.OPEN)
    await telegram_dialogs.begin(session, user.id, asked, booking.id)
    urls = [
        await talk_links.offer(session, user.id, Role.PATIENT, booking.id)
        for _ in range(2)
    ]
    page = await talk_links.use(session, urls[0].rpartition("/")[2])
    await telegram_links.unlink(session, actor)
    assert await telegram_dialogs.current(session, user.id) is None
    with pytest.raises(TalkLinkOver):
        await talk_links.find(session, page.secret, booking.id)
    with pytest.raises(TalkLinkOver):
        await talk_links.use(session, urls[1].rpartition("/")[2])
    rows = (await session.exec(select(TalkLink))).all()
    now = await clock.now(session)
    assert all(each.expires_at <= now for each in rows)
    # Nor does a link that was on its way meanwhile open.
    late = await talk_links.offer(session, user.id, Role.PATIENT, booking.id)
    query = select(TalkLink).where(col(TalkLink.id).not_in([x.id for x in rows]))
    row = (await session.exec(query)).one()
    row.created_at = now - timedelta(minutes=1)
    await session.flush()
    with pytest.raises(TalkLinkOver):
        await talk_links.use(session, late.rpartition("/")[2])


async def test_a_stranger_is_told_how_once_in_five_minutes(
    session: AsyncSession,
) -> None:
    assert await telegram_links.may_explain(session, 1)
    assert not await telegram_links.may_explain(session, 1)
    assert await telegram_links.may_explain(session, 2)
    await clock.shift(session, 601)
    assert await telegram_links.may_explain(session, 1)
