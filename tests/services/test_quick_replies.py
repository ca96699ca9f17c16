"""Ready answers: an order without gaps, whoever moves or removes one."""

from collections.abc import Sequence

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, QuickReply
from models.role_grant import Role
from services import quick_replies
from services.actor import Actor
from services.errors import Conflict, Forbidden, NotFound
from services.i18n import use_locale
from tests import factories as make


@pytest.fixture
async def desk(session: AsyncSession) -> Actor:
    return make.as_staff(await make.dispatcher(session))


async def listed(session: AsyncSession) -> Sequence[tuple[int, str]]:
    return [(row.position, row.text) for row in await quick_replies.listing(session)]


async def three(session: AsyncSession, desk: Actor) -> list[QuickReply]:
    return [await quick_replies.add(session, desk, each) for each in ("а", "б", "в")]


async def test_they_stand_in_the_order_they_came(
    session: AsyncSession, desk: Actor
) -> None:
    await three(session, desk)
    assert await listed(session) == [(1, "а"), (2, "б"), (3, "в")]
    assert await quick_replies.texts(session) == ["а", "б", "в"]


async def test_until_there_are_any_the_usual_ones_are_offered(
    session: AsyncSession, desk: Actor
) -> None:
    with use_locale("ru"):
        usual = await quick_replies.texts(session)
        await quick_replies.add_usual(session, desk)
    assert usual[0].startswith("Здравствуйте!")
    assert [text for _, text in await listed(session)] == usual
    with pytest.raises(Conflict):
        await quick_replies.add_usual(session, desk)


async def test_one_is_written_anew(session: AsyncSession, desk: Actor) -> None:
    _, second, _ = await three(session, desk)
    await quick_replies.edit(session, desk, second.id, "другое")
    assert await listed(session) == [(1, "а"), (2, "другое"), (3, "в")]
    query = select(AuditEvent).where(col(AuditEvent.action) == "quick_reply.edited")
    (line,) = (await session.exec(query)).all()
    assert (line.data["before"], line.data["after"]) == ("б", "другое")


@pytest.mark.parametrize(
    ("place", "up", "order"),
    [(1, True, "бав"), (1, False, "авб"), (0, True, "абв"), (2, False, "абв")],
)
async def test_moving_changes_places_with_a_neighbour(
    session: AsyncSession, desk: Actor, place: int, up: bool, order: str
) -> None:
    kept = await three(session, desk)
    await quick_replies.move(session, desk, kept[place].id, up)
    assert await listed(session) == [*enumerate(order, 1)]


async def test_removing_leaves_no_gap(session: AsyncSession, desk: Actor) -> None:
    first, *_ = await three(session, desk)
    await quick_replies.remove(session, desk, first.id)
    assert await listed(session) == [(1, "б"), (2, "в")]
    await quick_replies.add(session, desk, "г")
    assert await listed(session) == [(1, "б"), (2, "в"), (3, "г")]


async def test_there_is_an_end_to_them(session: AsyncSession, desk: Actor) -> None:
    for n in range(quick_replies.MOST):
        await quick_replies.add(session, desk, str(n))
    with pytest.raises(Conflict):
        await quick_replies.add(session, desk, "ещё")


async def test_an_unknown_one_is_not_found(session: AsyncSession, desk: Actor) -> None:
    nobody = make.nobody()
    with pytest.raises(NotFound):
        await quick_replies.edit(session, desk, nobody, "x")
    with pytest.raises(NotFound):
        await quick_replies.move(session, desk, nobody, True)
    with pytest.raises(NotFound):
        await quick_replies.remove(session, desk, nobody)


async def test_finance_and_curators_leave_them_alone(session: AsyncSession) -> None:
    for role in (Role.FINANCE, Role.CURATOR):
        other = make.as_staff(await make.person(session, role), role)
        with pytest.raises(Forbidden):
            await quick_replies.add(session, other, "x")


@pytest.mark.parametrize("text", ["", "  ", "я" * 501, "a\u202eb"])
def test_a_text_is_short_and_can_be_seen(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(quick_replies.Text).validate_python(text)
