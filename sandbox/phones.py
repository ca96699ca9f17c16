"""Who of the demo's people has a phone with the bot: two who live, two for the viewer.

The linking is the real one: a code from the app, the code shown in the chat, a yes.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from models.specialization import Specialization
from sandbox.cast import City
from services import quick_replies, telegram_content, telegram_links
from services.actor import Actor, Via
from services.config import get_settings
from services.i18n import use_locale

REASON = "Демонстрация: все люди и вызовы вымышлены, Telegram местный"
# Login by its name in the list of logins → the chat, and whether somebody lives by it.
CHATS: Mapping[str, tuple[int, bool]] = {
    "doctor2": (700_000_102, True),
    "patient2": (700_000_202, True),
    "doctor": (700_000_101, False),
    "patient": (700_000_201, False),
}


@dataclass(frozen=True)
class Owner:
    """One person with a phone; `lives` tells that the day moves it."""

    login: str
    role: Role
    user_id: uuid.UUID
    chat_id: int
    name: str
    lives: bool
    place: Mapping[str, Any]

    def told(self, password: str) -> dict[str, Any]:
        """As the simulated day knows it."""
        return {
            "login": self.login,
            "id": str(self.user_id),
            "password": password,
            "role": self.role.value,
            "chat_id": self.chat_id,
            "name": self.name,
            "lives": self.lives,
            "place": dict(self.place),
        }


def choose(city: City) -> None:
    """Give the pair that lives by the bot their logins: a therapist and who lives near.

    The patient's calls so go to this doctor, whose duty nothing moves but the bot.
    """
    doctor_id = uuid.UUID(city.doctors[Specialization.THERAPIST][1])
    home = _row(city, "doctor_profile", doctor_id)
    point = (home["home_latitude"], home["home_longitude"])
    # The viewer's own patient stands first.
    near = min(
        city.rows["address"][1:],
        key=lambda row: hypot(
            row["latitude"] - point[0], (row["longitude"] - point[1]) / 2
        ),
    )
    for name, user_id in (("doctor2", doctor_id), ("patient2", near["user_id"])):
        city.logins[name] = f"{name}@demo.example"
        _row(city, "app_user", user_id, "id")["email"] = city.logins[name]
    _row(city, "doctor_state", doctor_id, "doctor_id")["on_duty"] = False
    city.rows["shift"] = [
        row for row in city.rows["shift"] if row["doctor_id"] != doctor_id
    ]


def _row(
    city: City, table: str, user_id: uuid.UUID, key: str = "user_id"
) -> dict[str, Any]:
    return next(row for row in city.rows[table] if row[key] == user_id)


def owners(city: City) -> list[Owner]:
    """The owners of phones, as they stand in the city."""
    by_email = {row["email"]: row for row in city.rows["app_user"]}
    found = []
    for name, (chat_id, lives) in CHATS.items():
        row = by_email[city.logins[name]]
        role = Role(name.rstrip("2"))
        called = f"{row['first_name']} {row['last_name']}"
        shown = called if lives else f"{called} (для вас)"
        place = _place(city, row["id"], role)
        found.append(Owner(row["email"], role, row["id"], chat_id, shown, lives, place))
    return found


def _place(city: City, user_id: uuid.UUID, role: Role) -> dict[str, Any]:
    """A doctor's home as a point, a patient's as the address of a call."""
    if role is Role.DOCTOR:
        home = _row(city, "doctor_profile", user_id)
        return {name: home[f"home_{name}"] for name in ("latitude", "longitude")}
    address = _row(city, "address", user_id)
    left_out = {"id", "user_id", "label", "district"}
    return {name: value for name, value in address.items() if name not in left_out}


async def prepare(session: AsyncSession, city: City) -> None:
    """Let Telegram carry what is said here, and write down the ready answers."""
    admin = Actor(city.staff["admin"], Role.ADMIN, Via.CONSOLE)
    await telegram_content.put(session, admin, True, REASON)
    with use_locale("ru"):
        await quick_replies.add_usual(session, admin)


async def link(session: AsyncSession, city: City) -> None:
    """Link everybody who has a phone, where a bot is set up."""
    if not get_settings().telegram_bot_token:
        return
    for owner in owners(city):
        actor = Actor(owner.user_id, owner.role, Via.API)
        offer = await telegram_links.offer(session, actor)
        code = parse_qs(urlsplit(offer.url).query)["start"][0]
        await telegram_links.claim(session, owner.chat_id, owner.name, code)
        await telegram_links.confirm(session, actor)
