"""Accounts over REST: register, sign in, go on, sign out, one's own card."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field, StringConstraints
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import PatientProfile, RoleGrant, User
from models.base import uuid7
from models.role_grant import API_ROLES, Role
from services import (
    audit,
    claims,
    consents,
    passwords,
    rate_limits,
    refresh_tokens,
    roles,
    staff_sessions,
    telegram_ending,
    wallets,
)
from services.actor import SYSTEM_ID, Actor, Via
from services.callers import Caller
from services.consents import ConsentInput
from services.errors import AccountExists
from services.i18n import current_locale, gettext
from services.inputs import Email, Input, Name, Phone, without_default, wrong
from services.logins import login_matches
from services.notifications import Notice, notify
from services.refresh_tokens import Link

Password = Annotated[str, StringConstraints(strict=True, max_length=1024)]
NewPassword = Annotated[
    str,
    StringConstraints(
        strict=True, min_length=passwords.SHORTEST, max_length=passwords.LONGEST
    ),
]
NOBODY = Actor(SYSTEM_ID, Role.SYSTEM, Via.API)


class Registration(Input):
    """A new patient; a role is not something that one can ask for."""

    email: Email
    phone: Phone
    password: NewPassword
    first_name: Name
    last_name: Name
    middle_name: Name | None = None
    consents: Annotated[list[ConsentInput], Field(min_length=1, max_length=20)]


class CardChanges(Input):
    """What one may change about oneself; absent fields stay as they are."""

    first_name: Name = Field("", json_schema_extra=without_default)
    last_name: Name = Field("", json_schema_extra=without_default)
    middle_name: Name | None = Field(None, json_schema_extra=without_default)
    locale: Literal["ru", "en"] = Field("ru", json_schema_extra=without_default)


@dataclass(frozen=True)
class Known:
    """The person whom a login names, as far as a sign-in needs them."""

    user_id: uuid.UUID
    password_hash: str | None


@dataclass(frozen=True)
class Card:
    """A person with the roles that count over REST."""

    user: User
    roles: frozenset[Role]


@dataclass(frozen=True)
class SignedIn:
    """A person with the first or the next link of a sign-in."""

    card: Card
    link: Link


async def register(
    session: AsyncSession, new: Registration, client_address: str
) -> SignedIn:
    """Make a patient, with the consents given, and sign them in.

    Role, profile, wallet and consents are written in the same transaction.
    """
    passwords.demand_strong(
        new.password, unlike=(new.email, new.phone, new.first_name, new.last_name)
    )
    password_hash = await passwords.hash(new.password)
    user_id = uuid7()
    if not await _insert(session, user_id, new, password_hash):
        raise AccountExists
    session.add(PatientProfile(user_id=user_id))
    await wallets.make(session, user_id)
    grant = RoleGrant(user_id=user_id, role=Role.PATIENT, granted_by=user_id)
    session.add(grant)
    consents.demand_basic(new.consents)
    await consents.record(session, user_id, new.consents, client_address)
    actor = Actor(user_id, Role.PATIENT, Via.API)
    audit.record(session, actor, "account.registered", "user", user_id)
    user = await session.get_one(User, user_id)
    link = await refresh_tokens.begin(session, user_id)
    return SignedIn(Card(user, frozenset({Role.PATIENT})), link)


async def _insert(
    session: AsyncSession, user_id: uuid.UUID, new: Registration, password_hash: str
) -> bool:
    """Insert the person unless e-mail or phone are taken, in one step with rivals."""
    values = new.model_dump(exclude={"password", "consents"})
    if await claims.can_be_claimed(session, new.phone):
        # The number is theirs once a code proves it, and nothing before.
        values |= {"phone": None, "claimed_phone": new.phone}
    statement = insert(User).values(
        id=user_id,
        password_hash=password_hash,
        locale=current_locale(),
        theme="auto",
        must_change_password=False,
        auth_version=1,
        **values,
    )
    made = statement.on_conflict_do_nothing().returning(col(User.id))
    return await session.scalar(made) is not None


async def known(session: AsyncSession, login: str) -> Known | None:
    """Find whom a login names; blocked or not is for the end of the sign-in."""
    query = sa.select(col(User.id), col(User.password_hash))
    row = (await session.execute(query.where(login_matches(login)))).one_or_none()
    return None if row is None else Known(*row)


async def sign_in(
    session: AsyncSession, found: Known | None, right: bool
) -> SignedIn | None:
    """End a try to sign in: a new family of tokens, or a line in the journal.

    Blocked people and those who have staff roles only are refused like a wrong
    password.
    """
    card = await _open_card(session, found.user_id) if found and right else None
    if card is None:
        meant = found.user_id if found else None
        audit.record(session, NOBODY, "account.sign_in_refused", "user", meant)
        return None
    user_id = card.user.id
    await rate_limits.forgive(session, user_id)
    link = await refresh_tokens.begin(session, user_id)
    actor = Actor(user_id, min(card.roles), Via.API)
    audit.record(session, actor, "account.signed_in", "user", user_id)
    return SignedIn(card, link)


async def go_on(session: AsyncSession, token: str) -> SignedIn | None:
    """Swap a refresh token for the next one of a person who may still come in."""
    link = await refresh_tokens.rotate(session, token)
    card = await _open_card(session, link.user_id) if link else None
    return SignedIn(card, link) if card and link else None


async def sign_out(session: AsyncSession, caller: Caller) -> None:
    """End this sign-in; the person's others live on."""
    await refresh_tokens.revoke_family(session, caller.family_id)
    audit.record(session, caller.actor, "account.signed_out", "user", caller.user_id)


async def _open_card(session: AsyncSession, user_id: uuid.UUID) -> Card | None:
    """Read a person, or None if no surface of REST is open to them."""
    roles = sa.func.array(
        sa.select(col(RoleGrant.role))
        .where(col(RoleGrant.user_id) == user_id, col(RoleGrant.revoked_at).is_(None))
        .scalar_subquery()
    )
    query = sa.select(User, roles).where(
        col(User.id) == user_id, col(User.blocked_at).is_(None)
    )
    row = (await session.execute(query)).one_or_none()
    held = API_ROLES.intersection(row[1]) if row else frozenset()
    return Card(row[0], frozenset(map(Role, held))) if row and held else None


async def card(session: AsyncSession, caller: Caller) -> Card:
    """Read one's own card."""
    return Card(await session.get_one(User, caller.user_id), caller.roles)


async def edit(session: AsyncSession, caller: Caller, changes: CardChanges) -> Card:
    """Change one's name or language."""
    mine = await card(session, caller)
    given = changes.model_dump(exclude_unset=True)
    for field, value in given.items():
        setattr(mine.user, field, value)
    audit.record(
        session,
        caller.actor,
        "account.edited",
        "user",
        caller.user_id,
        fields=sorted(given),
    )
    return mine


async def change_password(
    session: AsyncSession, caller: Caller, current: str, new: str
) -> None:
    """Replace one's own password; every other session of the person dies."""
    user = await session.get_one(User, caller.user_id)
    if not await passwords.verify(current, user.password_hash):
        raise wrong("current_password", gettext("The present password is wrong."))
    unlike = (user.email, user.phone, user.first_name, user.last_name, current)
    shortest = await roles.shortest_password(session, user.id)
    passwords.demand_strong(new, shortest, unlike=unlike, field="new_password")
    user.password_hash = await passwords.hash(new)
    user.must_change_password = False
    await refresh_tokens.revoke_others(session, user.id, caller.family_id)
    await staff_sessions.end_all(session, user.id)
    await rate_limits.forgive(session, user.id)
    await telegram_ending.end(session, caller.actor, user.id, "password_changed")
    audit.record(session, caller.actor, "account.password_changed", "user", user.id)
    await notify(session, caller.actor, Notice("password_changed", user.id))
