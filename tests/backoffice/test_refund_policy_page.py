"""The refund policy in the console: in plain words, by example, version by version."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlmodel import col

from models import RefundPolicy, Role
from models.refund import Rule
from services import refund_policies
from services.database import Sessions
from tests.backoffice.browser import Browser, signed_in
from tests.backoffice.test_confirmation import age
from tests.backoffice.test_ledger import plain


async def newest(sessions: Sessions) -> RefundPolicy:
    async with sessions() as session:
        query = sa.select(RefundPolicy).order_by(col(RefundPolicy.version).desc())
        return (await session.scalars(query.limit(1))).one()


def form(**changed: str) -> dict[str, str]:
    """The form as it stands under the first version, with some fields changed."""
    percent = {"not_departed": "100", "en_route": "80", "on_scene": "50"}
    kept = {"not_departed": "0", "en_route": "1000", "on_scene": "2500"}
    told = {"version": "1"}
    for rule in Rule:
        told[f"percent:{rule.value}"] = percent.get(rule.value, "0")
        told[f"kept:{rule.value}"] = kept.get(rule.value, "")
    return told | changed


async def test_the_rules_in_words_with_the_usual_example(finance: Browser) -> None:
    words = plain(await finance.page("/refund-policy"))
    assert "Вызов 4 500 ₽, врач в пути → вернём 3 600 ₽ 900 ₽" in words
    assert "Врач у двери Возвращаем 50 %; оставляем не больше 2 500 ₽." in words
    assert "Врач ещё не выехал Возвращаем всё." in words
    assert "Визит начался По правилам не возвращаем ничего." in words


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("10 000", "Вызов 10 000 ₽, врач в пути → вернём 9 000 ₽"),
        ("1000,50", "Вызов 1 000,50 ₽, врач у двери → вернём 500,25 ₽"),
        ("0", "Вызов 4 500 ₽"),
        ("много", "Вызов 4 500 ₽"),
    ],
)
async def test_another_example(finance: Browser, typed: str, words: str) -> None:
    assert words in plain(await finance.page(f"/refund-policy?sum={typed}"))


async def test_a_new_version_holds_and_the_old_one_stays_to_be_read(
    finance: Browser, sessions: Sessions
) -> None:
    told = form(**{"percent:en_route": "70", "kept:en_route": ""})
    answer = await finance.post("/refund-policy", **told)
    assert answer.status_code == 303
    made = await newest(sessions)
    tiers = {each.rule: each for each in refund_policies.tiers_of(made)}
    assert made.version == 2
    assert tiers[Rule.EN_ROUTE].percent == 70
    assert tiers[Rule.EN_ROUTE].kept_at_most_kopecks is None
    assert tiers[Rule.NOT_OUR_PATIENT].percent == 100
    words = plain(await finance.page("/refund-policy"))
    assert "Врач в пути Возвращаем 70 %." in words
    assert "Версия 2 действует с этого момента" in words
    assert f"{finance.user.short_name} Виноваты" in words
    assert "Врач в пути: возвращаем 80 %; оставляем не больше 1 000 ₽." in words


async def test_an_old_tab_overwrites_nothing(
    finance: Browser, sessions: Sessions
) -> None:
    await finance.post("/refund-policy", **form())
    answer = await finance.post("/refund-policy", **form(**{"percent:en_route": "1"}))
    assert answer.status_code == 409
    assert 'name="percent:en_route" value="1"' in answer.text
    assert "Ничего не перезаписано" in answer.text
    assert (await newest(sessions)).version == 2


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("percent:en_route", ""),
        ("percent:en_route", "101"),
        ("percent:en_route", "-1"),
        ("percent:on_scene", "половина"),
        ("kept:on_scene", "много"),
        ("kept:on_scene", "1000001"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_not_lost(
    finance: Browser, sessions: Sessions, field: str, typed: str
) -> None:
    answer = await finance.post("/refund-policy", **form(**{field: typed}))
    assert answer.status_code == 422
    assert f'name="{field}" value="{typed}"' in answer.text
    assert 'class="why"' in answer.text
    assert (await newest(sessions)).version == 1


async def test_who_is_not_to_blame_gets_everything_whatever_is_sent(
    finance: Browser, sessions: Sessions
) -> None:
    told = form(**{"percent:not_our_patient": "5", "kept:not_our_patient": "900"})
    await finance.post("/refund-policy", **told)
    [tier] = [
        each
        for each in refund_policies.tiers_of(await newest(sessions))
        if each.rule is Rule.NOT_OUR_PATIENT
    ]
    assert (tier.percent, tier.kept_at_most_kopecks) == (100, 0)


async def test_it_needs_a_fresh_proof(finance: Browser, sessions: Sessions) -> None:
    await age(sessions, finance)
    answer = await finance.post("/refund-policy", **form())
    assert "own_password" in answer.text
    assert (await newest(sessions)).version == 1


async def test_nobody_else_makes_one(app: FastAPI, sessions: Sessions) -> None:
    for role in (Role.DISPATCHER, Role.CURATOR, Role.ADMIN):
        browser = await signed_in(app, sessions, role)
        assert (await browser.get("/refund-policy")).status_code == 403
        answer = await browser.post("/refund-policy", **form())
        assert answer.status_code == 403
