"""Managers of clinics: invited by a link, aboard once, removed at once."""

import re
import uuid
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient
from itsdangerous import URLSafeSerializer
from sqlmodel import col, select

from models import ClinicProfile, Notification, Role, User, VerificationCode
from services import clinic_invitations, clock, sealing
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import Browser, anonymous, signed_in

PERSON = {
    "last_name": "Клиничева",
    "first_name": "Ольга",
    "email": "manager@example.org",
}
PASSWORD = "очень длинный пароль"


async def invited(
    app: FastAPI, sessions: Sessions
) -> tuple[Browser, ClinicProfile, str]:
    """Invite somebody as a curator; give the link that was sent."""
    curator = await signed_in(app, sessions, Role.CURATOR)
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
    answer = await curator.post(f"/clinics/{clinic.id}/invitations", **PERSON)
    assert answer.status_code == 303, answer.text
    return curator, clinic, await link_of(sessions)


async def link_of(sessions: Sessions) -> str:
    async with transaction(sessions) as session:
        query = select(Notification).where(
            col(Notification.kind) == "clinic_invitation"
        )
        sent = (await session.exec(query.order_by(col(Notification.id)))).all()[-1]
        assert sent.address == PERSON["email"]
        assert sent.sealed
        return sealing.unseal(sent.sealed)


def path_of(link: str, settings: Settings) -> str:
    assert settings.base_url
    assert link.startswith(f"{settings.base_url}/invitation?token=")
    return link.removeprefix(settings.base_url)


async def accept(client: AsyncClient, link: str, **typed: str) -> int:
    fields = {
        "token": link.partition("token=")[2],
        "new_password": PASSWORD,
        "repeated": PASSWORD,
    }
    answer = await client.post("/invitation", data=fields | typed)
    return answer.status_code


async def sign_in(client: AsyncClient, password: str = PASSWORD) -> dict[str, str]:
    body = {"login": PERSON["email"], "password": password}
    answer = await client.post("/v1/auth/login", json=body)
    if answer.status_code != 200:
        return {}
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def test_a_manager_is_invited_sets_a_password_and_acts_for_the_clinic(
    app: FastAPI, sessions: Sessions, settings: Settings
) -> None:
    curator, clinic, link = await invited(app, sessions)
    card = await curator.page(f"/clinics/details/{clinic.id}")
    assert "Приглашён" in card
    async with anonymous(app) as client:
        assert await sign_in(client) == {}
        page = await client.get(path_of(link, settings))
        assert page.status_code == 200, page.text
        assert clinic.name in page.text
        assert page.headers["referrer-policy"] == "same-origin"
        assert "style-src 'self'" in page.headers["content-security-policy"]
        assert await accept(client, link) == 200
        headers = await sign_in(client)
        own = (await client.get("/v1/clinic", headers=headers)).json()
        assert own["id"] == str(clinic.id)
        me = (await client.get("/v1/me", headers=headers)).json()
        assert (me["roles"], me["email_verified"]) == (["clinic"], True)
        # The link is spent.
        assert (await client.get(path_of(link, settings))).status_code == 409
        assert await accept(client, link) == 409
    assert "Приглашён" not in await curator.page(f"/clinics/details/{clinic.id}")


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"repeated": "другой длинный пароль"}, 422),
        ({"new_password": "short", "repeated": "short"}, 422),
        ({"new_password": "x" * 200, "repeated": "x" * 200}, 422),
        ({"token": ""}, 409),
        ({"token": "x" * 5000}, 409),
    ],
    ids=["differs", "short", "long", "empty", "nonsense"],
)
async def test_a_refused_password_leaves_the_invitation_open(
    app: FastAPI,
    sessions: Sessions,
    settings: Settings,
    typed: dict[str, str],
    status: int,
) -> None:
    _, _, link = await invited(app, sessions)
    async with anonymous(app) as client:
        assert await accept(client, link, **typed) == status
        assert (await client.get(path_of(link, settings))).status_code == 200
        assert await accept(client, link) == 200


async def test_a_revoked_invitation_leaves_nothing_and_the_address_is_free(
    app: FastAPI, sessions: Sessions
) -> None:
    curator, clinic, link = await invited(app, sessions)
    async with transaction(sessions) as session:
        code = (await session.exec(select(VerificationCode))).one()
    foreign = f"/clinics/{uuid.uuid4()}/invitations/{code.id}/revoke"
    assert (await curator.post(foreign)).status_code == 404
    place = f"/clinics/{clinic.id}/invitations/{code.id}/revoke"
    assert (await curator.post(place)).status_code == 303
    assert (await curator.post(place)).status_code == 404
    async with anonymous(app) as client:
        assert await accept(client, link) == 409
    async with transaction(sessions) as session:
        names = (await session.exec(select(User.last_name))).all()
        assert PERSON["last_name"] not in names
    again = await curator.post(f"/clinics/{clinic.id}/invitations", **PERSON)
    assert again.status_code == 303
    async with anonymous(app) as client:
        assert await accept(client, await link_of(sessions)) == 200


async def test_a_known_address_is_not_invited(app: FastAPI, sessions: Sessions) -> None:
    curator, clinic, _ = await invited(app, sessions)
    place = f"/clinics/{clinic.id}/invitations"
    again = await curator.client.post(
        f"/admin{place}",
        data=PERSON,
        headers={
            "accept": "application/json",
            "sec-fetch-site": "same-origin",
            "x-csrf-token": curator.csrf,
        },
    )
    assert (again.status_code, again.json()["code"]) == (409, "account_exists")
    missing = await curator.post(f"/clinics/{uuid.uuid4()}/invitations", **PERSON)
    assert missing.status_code == 404


async def test_a_link_works_for_seven_days(
    app: FastAPI, sessions: Sessions, settings: Settings
) -> None:
    _, _, link = await invited(app, sessions)
    token = link.partition("token=")[2]
    for seconds, good in ((-2, True), (2, False)):
        async with transaction(sessions) as session:
            code = (await session.exec(select(VerificationCode))).one()
            left = (code.expires_at - await clock.now(session)).total_seconds()
            await clock.shift(session, left + seconds)
            if good:
                found, _ = await clinic_invitations.look(session, token)
                assert found.code.address == PERSON["email"]
            else:
                with pytest.raises(clinic_invitations.InvitationOver):
                    await clinic_invitations.look(session, token)
    week = timedelta(days=clinic_invitations.DAYS)
    assert abs(left - week.total_seconds()) < 60


async def test_no_forged_link_opens(
    app: FastAPI, sessions: Sessions, settings: Settings
) -> None:
    _, _, link = await invited(app, sessions)
    async with transaction(sessions) as session:
        code = (await session.exec(select(VerificationCode))).one()
    salt = "tot link invitation"
    ours = URLSafeSerializer([settings.secret_key], salt=salt)
    theirs = URLSafeSerializer(["another key of the same length!!"], salt=salt)
    other_use = URLSafeSerializer([settings.secret_key], salt="another use")
    right = ours.loads(link.partition("token=")[2])
    forged = [
        theirs.dumps(right),
        other_use.dumps(right),
        ours.dumps([str(code.id), "a guess"]),
        ours.dumps([str(uuid.uuid4()), right[1]]),
        ours.dumps(["no id", right[1]]),
        ours.dumps("text"),
        ours.dumps(7),
    ]
    # Nothing in the table opens the link either.
    assert right[1] not in code.code_hash
    async with anonymous(app) as client:
        for token in forged:
            assert await accept(client, f"token={token}") == 409, token
        assert await accept(client, link) == 200


async def test_the_link_does_not_follow_the_host_of_the_request(
    app: FastAPI, sessions: Sessions, settings: Settings
) -> None:
    curator = await signed_in(app, sessions, Role.CURATOR)
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
    curator.client.headers["x-forwarded-host"] = "evil.example"
    await curator.post(f"/clinics/{clinic.id}/invitations", **PERSON)
    path_of(await link_of(sessions), settings)


async def test_a_removed_manager_is_out_at_once_and_another_clinics_stays(
    app: FastAPI, sessions: Sessions
) -> None:
    curator, clinic, link = await invited(app, sessions)
    async with anonymous(app) as client:
        await accept(client, link)
        headers = await sign_in(client)
        me = (await client.get("/v1/me", headers=headers)).json()["id"]
        async with transaction(sessions) as session:
            other = await factories.clinic(session)
        wrong = f"/clinics/{other.id}/managers/{me}/remove"
        assert (await curator.post(wrong, reason="x")).status_code == 404
        assert (await client.get("/v1/clinic", headers=headers)).status_code == 200
        right = f"/clinics/{clinic.id}/managers/{me}/remove"
        assert (await curator.post(right, reason="Уволилась")).status_code == 303
        assert (await client.get("/v1/clinic", headers=headers)).status_code == 401
        assert await sign_in(client) == {}
    page = await curator.page(f"/clinics/details/{clinic.id}")
    assert PERSON["last_name"] not in page


@pytest.mark.parametrize(
    ("number", "right"),
    [
        ("7707083893", True),
        ("500100732259", True),
        ("7707083894", False),
        ("500100732258", False),
        ("770708389", False),
        ("77070838ab", False),
        ("٧٧٠٧٠٨٣٨٩٣", False),
    ],
)
async def test_a_tax_number_is_checked_by_its_own_digits(
    app: FastAPI, sessions: Sessions, number: str, right: bool
) -> None:
    curator = await signed_in(app, sessions, Role.CURATOR)
    answer = await curator.post(
        "/clinics/create",
        name="Клиника на Арбате",
        licence_number="ЛО-77-01-001234",
        tax_number=number,
        phone="8 495 123-45-67",
        address="Арбат, 10",
        active="y",
        save="Сохранить",
    )
    async with transaction(sessions) as session:
        kept = await session.scalar(sa.select(col(ClinicProfile.tax_number)))
    assert kept == (number if right else None), answer.text
    assert right or re.search(r'class="why"', answer.text)
