"""The small page behind a link: what opens it, what it shows, and what it takes."""

import re
import uuid
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlmodel import col, select

from models import Booking, Message, PriceItem
from models.booking import Status
from models.role_grant import Role
from services import assignments, chat, talk_links, visits
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.errors import Unavailable
from tests import factories
from tests.backoffice.browser import OURS, anonymous
from tests.paying import without_database
from tests.talking import Talk, say, talk

FOREIGN = {"sec-fetch-site": "cross-site"}


@pytest.fixture
async def here(sessions: Sessions) -> Talk:
    async with transaction(sessions) as session:
        return await talk(session)


@pytest.fixture
async def phone(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with anonymous(app) as client:
        yield client


async def offered(sessions: Sessions, here: Talk, role: Role = Role.PATIENT) -> str:
    """Give the path of a link of this call's patient or doctor."""
    user = here.patient_user if role is Role.PATIENT else here.doctor_user
    async with transaction(sessions) as session:
        url = await talk_links.offer(session, user.id, role, here.id)
    return "/t/" + url.rpartition("/")[2]


async def opened(
    client: AsyncClient, sessions: Sessions, here: Talk, role: Role = Role.PATIENT
) -> str:
    """Open a link as its person would; give the page's path."""
    answer = await client.post(await offered(sessions, here, role), headers=OURS)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def hidden(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found, page
    return found[1]


async def sent(client: AsyncClient, place: str, text: str, **more: str) -> Response:
    page = (await client.get(place)).text
    fields = {name: hidden(page, name) for name in ("form_token", "client_id")}
    return await client.post(place, data={**fields, "text": text, **more}, headers=OURS)


async def test_a_look_at_the_link_uses_nothing_up(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    path = await offered(sessions, here)
    for _ in range(3):
        look = await phone.get(path, headers={"user-agent": "TelegramBot"})
        assert look.status_code == 200
        assert "Открыть" in look.text
        assert "set-cookie" not in look.headers
        # Nobody learns from it which call it is.
        assert here.booking.label not in look.text
        assert str(here.id) not in look.text
        assert (await phone.head(path)).status_code == 200
    assert (await phone.post(path, headers=OURS)).status_code == 303
    again = await phone.post(path, headers=OURS)
    assert again.status_code == 409
    assert "Эта ссылка больше не действует" in again.text
    assert (await phone.get(path)).status_code == 409


async def test_the_cookie_is_of_this_page_alone(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    path = await offered(sessions, here)
    answer = await phone.post(path, headers=OURS)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("tot_talk=")
    for part in ("httponly", "samesite=strict", "max-age=600", "path=/"):
        assert part in cookie
    assert path.rpartition("/")[2].lower() not in cookie


async def test_with_https_the_cookie_is_bound_to_the_host(
    phone: AsyncClient,
    sessions: Sessions,
    here: Talk,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "base_url", "https://tot.example")
    path = await offered(sessions, here)
    answer = await phone.post(path, headers=OURS)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-tot_talk=")
    assert "secure" in cookie
    assert "domain" not in cookie


@pytest.mark.parametrize("headers", [FOREIGN, {}, {"origin": "https://evil.example"}])
async def test_no_foreign_page_opens_a_link(
    phone: AsyncClient, sessions: Sessions, here: Talk, headers: dict[str, str]
) -> None:
    path = await offered(sessions, here)
    assert (await phone.post(path, headers=headers)).status_code == 403
    # It is still good for its person.
    assert (await phone.post(path, headers=OURS)).status_code == 303


@pytest.mark.parametrize("token", ["x", "a" * 3000, "%27", "%00", "é"])
async def test_a_guess_opens_nothing(phone: AsyncClient, token: str) -> None:
    for answer in (
        await phone.get(f"/t/{token}"),
        await phone.post(f"/t/{token}", headers=OURS),
    ):
        assert answer.status_code in {400, 404, 409}
        assert "set-cookie" not in answer.headers


async def test_the_patient_reads_and_writes(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    async with transaction(sessions) as session:
        await say(session, here.doctor, here.id, "Буду через полчаса")
    place = await opened(phone, sessions, here)
    page = await phone.get(place)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert here.booking.label in page.text
    assert "Буду через полчаса" in page.text
    assert here.doctor_user.full_name in page.text
    answer = await sent(phone, place, "  Домофон 45К ")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{place}#end")
    assert "Домофон 45К" in (await phone.get(place)).text
    async with sessions() as session:
        query = select(Message).where(col(Message.text) == "Домофон 45К")
        row = (await session.exec(query)).one()
        assert (row.sender_id, row.via) == (here.patient_user.id, "bot")
        read = sa.text("SELECT up_to_seq FROM message_read WHERE role = 'patient'")
        assert await session.scalar(read) == row.seq


async def test_a_form_sent_twice_says_it_once(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    place = await opened(phone, sessions, here)
    page = (await phone.get(place)).text
    fields = {name: hidden(page, name) for name in ("form_token", "client_id")}
    for _ in range(3):
        answer = await phone.post(place, data={**fields, "text": "Раз"}, headers=OURS)
        assert answer.status_code == 303
    answer = await phone.post(place, data={**fields, "text": "Два"}, headers=OURS)
    assert answer.status_code == 422
    async with sessions() as session:
        query = select(Message).where(col(Message.text) == "Раз")
        assert len((await session.exec(query)).all()) == 1


async def test_a_form_needs_the_token_of_its_page_and_our_origin(
    phone: AsyncClient, app: FastAPI, sessions: Sessions, here: Talk
) -> None:
    place = await opened(phone, sessions, here)
    good = hidden((await phone.get(place)).text, "form_token")
    fields = {"text": "Раз", "client_id": "c"}
    async with anonymous(app) as other:
        another = await opened(other, sessions, here, Role.DOCTOR)
        foreign = hidden((await other.get(another)).text, "form_token")
    for token, headers in (
        ("", OURS),
        ("é", OURS),
        (foreign, OURS),
        (good, FOREIGN),
        (good, {}),
    ):
        for path in (place, f"{place}/complete"):
            data = {**fields, "form_token": token}
            assert (
                await phone.post(path, data=data, headers=headers)
            ).status_code == 403
    async with sessions() as session:
        query = select(Message).where(col(Message.kind) == "text")
        assert (await session.exec(query)).all() == []


async def test_what_is_wrong_with_a_message_is_said_beside_it(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    place = await opened(phone, sessions, here)
    empty = await sent(phone, place, "   ")
    assert empty.status_code == 422
    assert "notice is-error" in empty.text
    long = await sent(phone, place, "я" * 4001)
    assert long.status_code == 422
    assert "я" * 4001 in long.text
    for number in range(20):
        assert (await sent(phone, place, f"{number}")).status_code == 303
    hasty = await sent(phone, place, "Ещё одно")
    assert hasty.status_code == 429
    assert "Ещё одно" in hasty.text


async def test_an_outage_keeps_the_words_and_their_name(
    phone: AsyncClient, app: FastAPI, sessions: Sessions, here: Talk
) -> None:
    place = await opened(phone, sessions, here)
    page = (await phone.get(place)).text
    with without_database(app):
        down = await phone.get(place)
        assert down.status_code == 503
        assert "недоступ" in down.text
        assert (await phone.get("/t/x")).status_code == 503
        shown = f"{place}/pictures/{uuid.uuid4()}"
        assert (await phone.get(shown)).status_code == 503
    assert hidden(page, "client_id") != hidden(
        (await phone.get(place)).text, "client_id"
    )


async def test_the_outage_in_the_middle_of_sending_says_it_once_all_the_same(
    phone: AsyncClient,
    sessions: Sessions,
    here: Talk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = await opened(phone, sessions, here)
    name = hidden((await phone.get(place)).text, "client_id")

    async def lost(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(chat, "send", lost)
        answer = await sent(phone, place, "Раз", client_id=name)
    assert answer.status_code == 503
    assert hidden(answer.text, "client_id") == name
    assert ">Раз</textarea>" in answer.text


async def test_the_page_dies_after_ten_minutes_whoever_has_its_cookie(
    phone: AsyncClient, app: FastAPI, sessions: Sessions, here: Talk
) -> None:
    place = await opened(phone, sessions, here)
    stolen = phone.cookies["tot_talk"]
    async with transaction(sessions) as session:
        await session.execute(
            sa.text("UPDATE talk_link SET page_expires_at = app_now()")
        )
    async with anonymous(app) as thief:
        thief.cookies.set("tot_talk", stolen)
        answer = await thief.get(place)
        assert answer.status_code == 409
        assert here.booking.label not in answer.text
        for path in (place, f"{place}/complete"):
            assert (await thief.post(path, headers=OURS)).status_code == 409


async def test_the_cookie_of_one_call_opens_no_other(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    async with transaction(sessions) as session:
        other = await factories.booking(session, here.patient_user)
    place = await opened(phone, sessions, here)
    foreign = place.replace(str(here.id), str(other.id))
    assert (await phone.get(foreign)).status_code == 409
    # Without a cookie nothing opens at all.
    phone.cookies.clear()
    assert (await phone.get(place)).status_code == 409


async def test_a_doctor_who_loses_the_visit_sees_nothing_more(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    place = await opened(phone, sessions, here, Role.DOCTOR)
    page = (await phone.get(place)).text
    assert here.patient_user.full_name not in page
    async with transaction(sessions) as session:
        await assignments.unassign(session, here.desk, here.id, None)
    gone = await phone.get(place)
    assert gone.status_code == 409
    assert here.booking.label not in gone.text
    fields = {name: hidden(page, name) for name in ("form_token", "client_id")}
    answer = await phone.post(place, data={**fields, "text": "Раз"}, headers=OURS)
    assert answer.status_code == 409


async def test_right_lost_between_the_look_and_the_word_is_lost(
    phone: AsyncClient,
    sessions: Sessions,
    here: Talk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = await opened(phone, sessions, here, Role.DOCTOR)
    really = chat.send

    async def late(*given: object) -> object:
        async with transaction(sessions) as session:
            await assignments.unassign(session, here.desk, here.id, None)
        return await really(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(chat, "send", late)
    answer = await sent(phone, place, "Раз")
    assert answer.status_code == 404
    assert here.booking.label not in answer.text


async def at_work(sessions: Sessions) -> tuple[Talk, PriceItem]:
    async with transaction(sessions) as session:
        made = await talk(session, Status.IN_PROGRESS)
        return made, await factories.extra_item(session)


async def test_the_doctor_finishes_the_visit_and_the_patient_reads_how_it_ended(
    phone: AsyncClient, app: FastAPI, sessions: Sessions
) -> None:
    here, item = await at_work(sessions)
    place = await opened(phone, sessions, here, Role.DOCTOR)
    page = (await phone.get(place)).text
    assert "ЭКГ, 1 200 ₽" in page.replace("\xa0", " ")
    data = {
        "form_token": hidden(page, "form_token"),
        "actual_minutes": "35",
        "conclusion": "ОРВИ, покой",
        f"quantity_{item.id}": "2",
    }
    done = await phone.post(f"{place}/complete", data=data, headers=OURS)
    assert done.status_code == 303, done.text
    page = (await phone.get(place)).text
    assert "quantity_" not in page
    assert "ОРВИ" not in page
    async with sessions() as session:
        row = await session.get_one(Booking, here.id)
        assert (row.status, row.actual_minutes) == (Status.COMPLETED, 35)
        assert (row.conclusion, row.extras_kopecks) == ("ОРВИ, покой", 240_000)
    async with anonymous(app) as patient:
        page = (await patient.get(await opened(patient, sessions, here))).text
        assert "ОРВИ, покой" in page


async def test_what_is_wrong_with_the_ending_is_said_and_nothing_typed_is_lost(
    phone: AsyncClient, sessions: Sessions
) -> None:
    here, item = await at_work(sessions)
    place = await opened(phone, sessions, here, Role.DOCTOR)
    token = hidden((await phone.get(place)).text, "form_token")
    good = {"actual_minutes": "35", "conclusion": "ОРВИ", f"quantity_{item.id}": ""}
    for wrong in (
        {"actual_minutes": "0"},
        {"actual_minutes": "полчаса"},
        {"conclusion": " "},
        {f"quantity_{item.id}": "много"},
        {f"quantity_{item.id}": "-1"},
        {f"quantity_{item.id}": "101"},
        {"quantity_x": "1"},
        {f"quantity_{uuid.uuid4()}": "1"},
    ):
        data = {**good, "form_token": token, **wrong}
        answer = await phone.post(f"{place}/complete", data=data, headers=OURS)
        assert answer.status_code in {404, 422}, (wrong, answer.status_code)
        assert data["conclusion"] in answer.text
    async with sessions() as session:
        assert (await session.get_one(Booking, here.id)).status is Status.IN_PROGRESS


async def test_a_patient_finishes_no_visit(
    phone: AsyncClient, sessions: Sessions
) -> None:
    here, _ = await at_work(sessions)
    place = await opened(phone, sessions, here)
    page = (await phone.get(place)).text
    assert "/complete" not in page
    data = {
        "form_token": hidden(page, "form_token"),
        "actual_minutes": "35",
        "conclusion": "ОРВИ",
    }
    answer = await phone.post(f"{place}/complete", data=data, headers=OURS)
    assert answer.status_code == 403
    assert (await phone.get(f"{place}/complete")).status_code == 405


async def test_pictures_of_the_talk_are_shown_while_the_page_is_open(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    async with transaction(sessions) as session:
        shown = await chat.send(
            session, here.doctor, here.id, None, None, factories.taken()
        )
        words = await say(session, here.doctor, here.id, "Вот")
    place = await opened(phone, sessions, here)
    source = f"{place}/pictures/{shown.id}"
    assert f'src="{source}"' in (await phone.get(place)).text
    answer = await phone.get(source)
    assert answer.content == factories.taken().content
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert (await phone.get(f"{place}/pictures/{words.id}")).status_code == 404
    phone.cookies.clear()
    assert (await phone.get(source)).status_code == 409


async def test_a_long_talk_shows_its_end(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    async with transaction(sessions) as session:
        for part in range(6):
            for number in range(19):
                await say(session, here.patient, here.id, f"Слово {part}-{number}")
            await session.execute(
                sa.text("SELECT set_config('tot.clock_offset', :ahead, true)"),
                {"ahead": f"{11 * (part + 1)}"},
            )
    page = (await phone.get(await opened(phone, sessions, here))).text
    assert "Более ранние сообщения" in page
    assert "Слово 5-18" in page
    assert "Слово 0-0" not in page


async def test_a_talk_that_is_over_takes_no_words(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    async with transaction(sessions) as session:
        await visits.depart(session, here.doctor, here.id)
        await visits.start(session, here.doctor, here.id)
        await visits.complete(session, here.doctor, here.id, 30, "ОРВИ")
        await session.execute(
            sa.text("UPDATE booking SET completed_at = app_now() - interval '25 hours'")
        )
    page = (await phone.get(await opened(phone, sessions, here))).text
    assert "<textarea" not in page
    assert "Этот разговор закрыт" in page
    assert "ОРВИ" in page


async def test_it_speaks_the_language_of_its_person(
    phone: AsyncClient, sessions: Sessions, here: Talk
) -> None:
    async with transaction(sessions) as session:
        await session.execute(
            sa.text("UPDATE app_user SET locale = 'en' WHERE id = :id"),
            {"id": here.patient_user.id},
        )
    path = await offered(sessions, here)
    assert "Talk about a call" in (await phone.get(path)).text
    assert "Разговор о вызове" in (await phone.get(path, params={"lang": "ru"})).text
    await phone.post(path, headers=OURS)
    page = (await phone.get(f"/talk/{here.id}")).text
    assert f"Call {here.booking.label}" in page
    assert "has accepted the call" in page


async def test_looking_at_links_is_limited_for_an_address(
    phone: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "address_limit_factor", 1)
    answers = [(await phone.get("/t/guess")).status_code for _ in range(61)]
    assert set(answers[:60]) == {409}
    assert answers[60] == 429
