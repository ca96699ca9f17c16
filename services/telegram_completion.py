"""Completing a visit by answering the bot: minutes, conclusion, items, yes.

Where content may not go through Telegram, the answers are given on a page of ours.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, PriceItem, TelegramDialog
from models.booking import Verb, sources_of
from models.price_item import PriceKind
from models.role_grant import Role
from services import (
    clock,
    prices,
    stale,
    talk_links,
    telegram_cards,
    telegram_content,
    telegram_dialogs,
    visit_reads,
    visits,
)
from services.actor import Actor
from services.booking_drafts import ItemInput
from services.errors import IllegalTransition, NotFound, StaleVersion
from services.i18n import current_locale, gettext
from services.inputs import Prose, wrong
from services.telegram_buttons import Button, TelegramMessage, data
from services.telegram_dialogs import (
    COMPLETE,
    CONCLUSION,
    ITEMS,
    MINUTES,
    Given,
    NotAsked,
)

OFTEN = (20, 30, 40, 60)
LONGEST_CONCLUSION, LONGEST_VISIT, MOST_OF_ONE = 10_000, 1440, 100
# What the buttons of the dialogue say.
TIME, ADD, TAKE, GO_ON, BACK, YES = "min", "add", "take", "goon", "back", "yes"
GIVEN = {
    TIME: Given.NUMBER,
    ADD: Given.ADD,
    TAKE: Given.TAKE,
    GO_ON: Given.GO_ON,
    BACK: Given.BACK,
    YES: Given.YES,
}
_PROSE: TypeAdapter[str] = TypeAdapter(Prose)


async def begin(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, version: int | None
) -> TelegramMessage:
    """Ask the first question, or give a link to where the answers may be given.

    Raises IllegalTransition before the visit has begun, StaleVersion for an old card.
    """
    booking = (await visit_reads.visit(session, actor, booking_id)).booking
    if version is not None and version != booking.version:
        raise await stale.error(session, actor, booking, await clock.now(session))
    if booking.status not in sources_of(Verb.COMPLETE, Role.DOCTOR):
        raise IllegalTransition
    if not await telegram_content.may_carry(session, booking):
        url = await talk_links.offer(session, actor.user_id, Role.DOCTOR, booking_id)
        text = gettext("{call}: complete the visit on our page.", call=booking.label)
        return TelegramMessage(text, [[Button(gettext("Open the page"), url=url)]])
    dialog = await telegram_dialogs.begin(
        session,
        actor.user_id,
        (COMPLETE, MINUTES),
        booking_id,
        version=booking.version,
        items={},
    )
    return await question(session, dialog)


async def answer(
    session: AsyncSession,
    actor: Actor,
    dialog: TelegramDialog,
    given: Given,
    said: str,
) -> TelegramMessage:
    """Take one answer in and ask the next question; the last one ends the visit.

    A visit that was lost or ended meanwhile ends the dialogue too. Raises NotAsked for
    an answer to another question, ValidationFailed for one that does not fit.
    """
    if given is Given.WORDS and dialog.step == MINUTES:
        given = Given.NUMBER
    step = telegram_dialogs.next_step(dialog, given)
    booking = await _under_way(session, actor, dialog)
    if booking is None:
        await telegram_dialogs.leave(session, actor.user_id)
        return TelegramMessage(gettext("This visit is over, or no longer yours."))
    if given is Given.YES:
        return await _complete(session, actor, dialog)
    if step is None:
        await telegram_dialogs.leave(session, actor.user_id)
        return await telegram_cards.visit_card(session, actor, booking.id)
    # A flag that was raised meanwhile makes no answer worthless.
    values: dict[str, Any] = {"version": booking.version}
    if given is Given.NUMBER:
        values["minutes"] = _minutes(said)
    elif given is Given.WORDS:
        values["conclusion"] = _conclusion(said)
    elif given in {Given.ADD, Given.TAKE}:
        item = await prices.extra_item(session, _item_id(said))
        values["items"] = _counted(dialog, item, 1 if given is Given.ADD else -1)
    else:
        values["items"] = await _offered(session, dialog)
    await telegram_dialogs.move(session, dialog, given, **values)
    return await question(session, dialog)


async def _under_way(
    session: AsyncSession, actor: Actor, dialog: TelegramDialog
) -> Booking | None:
    try:
        visit = await visit_reads.visit(session, actor, dialog.booking_id)
    except NotFound:
        return None
    open_still = visit.booking.status in sources_of(Verb.COMPLETE, Role.DOCTOR)
    return visit.booking if open_still else None


async def question(session: AsyncSession, dialog: TelegramDialog) -> TelegramMessage:
    """Ask what the dialogue stands at."""
    if dialog.step == MINUTES:
        keys = [_key(dialog, str(each), TIME, str(each)) for each in OFTEN]
        text = gettext("How many minutes did the visit take?")
        return TelegramMessage(text, [keys, [_back(dialog)]])
    if dialog.step == CONCLUSION:
        return TelegramMessage(gettext("Write the conclusion."), [[_back(dialog)]])
    lines = await _price_list(session)
    if dialog.step == ITEMS:
        return _ask_items(dialog, lines)
    return _ask_yes(dialog, lines)


async def _complete(
    session: AsyncSession, actor: Actor, dialog: TelegramDialog
) -> TelegramMessage:
    said = dialog.data
    items = [
        ItemInput(price_item_id=uuid.UUID(each), quantity=count)
        for each, count in said["items"].items()
    ]
    try:
        booking = await visits.complete(
            session,
            actor,
            dialog.booking_id,
            said["minutes"],
            said["conclusion"],
            items,
            said["version"],
        )
    except StaleVersion as error:
        # What was typed stays; only the yes is asked for again.
        version = error.facts["current_version"]
        dialog.data = {**said, "version": version}
        await session.flush()
        again = await question(session, dialog)
        return TelegramMessage(f"{error.message}\n\n{again.text}", again.buttons)
    await telegram_dialogs.move(session, dialog, Given.YES)
    return TelegramMessage(gettext("{call}: the visit is over.", call=booking.label))


async def _price_list(session: AsyncSession) -> Sequence[PriceItem]:
    query = select(PriceItem).where(
        col(PriceItem.active), col(PriceItem.kind) == PriceKind.EXTRA
    )
    return (await session.exec(query.order_by(col(PriceItem.id)))).all()


def _ask_items(dialog: TelegramDialog, lines: Sequence[PriceItem]) -> TelegramMessage:
    chosen = dialog.data["items"]
    keys = []
    for line in lines:
        count = chosen.get(str(line.id), 0)
        text = f"{_title(line)} × {count}" if count else _title(line)
        row = [_key(dialog, text, ADD, line.id.hex)]
        if count:
            row.append(_key(dialog, "−", TAKE, line.id.hex))
        keys.append(row)
    keys.append([_key(dialog, gettext("Go on"), GO_ON), _back(dialog)])
    text = gettext("What was done beyond the visit? Press once for each.")
    return TelegramMessage(text, keys)


def _ask_yes(dialog: TelegramDialog, lines: Sequence[PriceItem]) -> TelegramMessage:
    said = dialog.data
    titles = {str(line.id): _title(line) for line in lines}
    text = [
        gettext("Minutes: {count}", count=said["minutes"]),
        gettext("Conclusion: {text}", text=said["conclusion"]),
        *(
            f"{titles.get(each, '—')} × {count}"
            for each, count in said["items"].items()
        ),
        gettext("Is all of this right?"),
    ]
    keys = [
        _key(dialog, gettext("Yes, complete"), YES),
        _back(dialog),
    ]
    return TelegramMessage(
        "\n".join(text), [keys], about=dialog.booking_id, is_card=False
    )


def _back(dialog: TelegramDialog) -> Button:
    return _key(dialog, gettext("Back"), BACK)


def _key(dialog: TelegramDialog, text: str, word: str, extra: str = "") -> Button:
    return Button(text, data(word, dialog.booking_id, extra=extra))


def _title(line: PriceItem) -> str:
    return line.title_ru if current_locale() == "ru" else line.title_en


def _minutes(said: str) -> int:
    text = said.strip()
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LONGEST_VISIT):
        raise wrong("actual_minutes", gettext("Write a number of minutes, 1 to 1440."))
    return int(text)


def _conclusion(said: str) -> str:
    try:
        text = _PROSE.validate_python(said)
    except ValidationError:
        text = ""
    if not text or len(text) > LONGEST_CONCLUSION:
        raise wrong("conclusion", gettext("Write the conclusion in words."))
    return text


def _item_id(said: str) -> uuid.UUID:
    try:
        return uuid.UUID(said)
    except ValueError:
        raise NotAsked from None


async def _offered(session: AsyncSession, dialog: TelegramDialog) -> dict[str, int]:
    """What was chosen and is still on the price list."""
    offered = {str(line.id) for line in await _price_list(session)}
    chosen: dict[str, int] = dialog.data["items"]
    return {each: count for each, count in chosen.items() if each in offered}


def _counted(dialog: TelegramDialog, item: PriceItem, step: int) -> dict[str, int]:
    """Count one more or one less of an item; none of it leaves the list."""
    key = str(item.id)
    items: dict[str, int] = {**dialog.data["items"]}
    count = min(items.pop(key, 0) + step, MOST_OF_ONE)
    return {**items, key: count} if count > 0 else items
