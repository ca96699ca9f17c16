"""Users and staff: who there is, what they may, and the ways to change that."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from backoffice import cells, formats, staff_pages
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.filters import Choice, Either
from backoffice.pages import staff_of
from backoffice.tables import TableView
from models import Role, RoleGrant, User
from models.role_grant import STAFF_ROLES
from services import roles, second_factor, staff
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.phones import complete_phone, masked_phone
from services.sensitive_reads import journal_read

LANGUAGES = {"ru": "Русский", "en": "English"}
LIVE = col(RoleGrant.revoked_at).is_(None)
HELD = sa.and_(col(RoleGrant.user_id) == col(User.id), LIVE)


@dataclass(frozen=True)
class Person:
    """A user with the roles held now."""

    user: User
    roles: Sequence[Role]

    @property
    def id(self) -> uuid.UUID:
        """The user's id, for links."""
        return self.user.id


def _state(person: Person) -> Any:
    if person.user.blocked_at is not None:
        return cells.pill(gettext("Blocked"), "bad")
    if person.user.must_change_password:
        return cells.pill(gettext("Has to change the password"), "warn")
    return cells.pill(gettext("Active"), "good")


def _masked(person: Person) -> str:
    return masked_phone(person.user.phone) if person.user.phone else cells.EMPTY


class HasRole(Choice):
    """Keeps the people who hold a role now."""

    async def get_filtered_query(self, query: Any, value: Any, model: Any) -> Any:
        """Look into the grants."""
        if value not in [each.value for each in Role]:
            return query
        grant = sa.exists().where(HELD, col(RoleGrant.role) == Role(value))
        return query.where(grant)


class UsersView(TableView, model=User):
    """The list of people and the page of one of them."""

    name = Lazy("User")
    name_plural = Lazy("Users and staff")
    icon = "ti ti-users"
    needs: ClassVar[Mapping[str, Permission]] = {
        "list": Permission.USER_READ,
        "details": Permission.USER_READ,
    }
    can_view_details = True
    column_list: ClassVar[Sequence[Any]] = ["last_name"]
    column_default_sort = ("created_at", True)
    column_sortable_list: ClassVar[Sequence[Any]] = ["created_at"]
    search_hint = Lazy("Name, phone, e-mail")
    wraps = frozenset({"roles"})
    column_labels: ClassVar[dict[Any, Any]] = {
        "last_name": Lazy("Name"),
        "roles": Lazy("Roles"),
        "phone": Lazy("Phone"),
        "email": Lazy("E-mail"),
        "created_at": Lazy("Created"),
        "blocked_at": Lazy("State"),
        "locale": Lazy("Language"),
        "blocked_reason": Lazy("Reason for the block"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "last_name": lambda row: row.user.full_name,
        "roles": lambda row: cells.pills(row.roles),
        "phone": _masked,
        "email": lambda row: cells.either(row.user.email),
        "created_at": lambda row: formats.moment(row.user.created_at),
        "blocked_at": _state,
    }
    facts: ClassVar[Mapping[str, Any]] = {
        "last_name": lambda row: row.user.full_name,
        "phone": lambda row: formats.phone(row.user.phone),
        "email": lambda row: cells.either(row.user.email),
        "locale": lambda row: LANGUAGES[row.user.locale],
        "created_at": lambda row: formats.full_moment(row.user.created_at),
        "blocked_at": _state,
        "blocked_reason": lambda row: cells.either(row.user.blocked_reason),
    }
    column_filters: ClassVar[Sequence[Any]] = [
        HasRole(Lazy("Role"), "role", col(RoleGrant.role), Role),
        Either(
            Lazy("State"),
            "state",
            [
                ("active", Lazy("Active"), lambda: col(User.blocked_at).is_(None)),
                ("blocked", Lazy("Blocked"), lambda: col(User.blocked_at).is_not(None)),
            ],
        ),
    ]
    list_template = "users/list.html"
    details_template = "users/details.html"

    def title_of(self, row: Any) -> str:
        """The person's name."""
        return str(row.full_name)

    def found(self, term: str) -> Any:
        """Search by a whole or partial phone, by e-mail, else by name."""
        return found(term)

    async def dress(self, session: AsyncSession, rows: Sequence[Any]) -> Sequence[Any]:
        """Add the roles."""
        ids = [row.id for row in rows]
        query = sa.select(col(RoleGrant.user_id), col(RoleGrant.role))
        query = query.where(col(RoleGrant.user_id).in_(ids), LIVE)
        held: dict[uuid.UUID, list[Role]] = {}
        for user_id, role in await session.execute(query):
            held.setdefault(user_id, []).append(role)
        return [Person(row, sorted(held.get(row.id, []))) for row in rows]

    async def details_context(self, request: Request) -> dict[str, Any]:
        """Add the history of grants and the roles that may be given."""
        context = await super().details_context(request)
        person: Person = context["dressed"]
        await self._journal(request, person)
        grants = await self._run_query(
            sa.select(RoleGrant)
            .where(col(RoleGrant.user_id) == person.id)
            .order_by(col(RoleGrant.created_at).desc())
        )
        free = [
            role
            for role in Role
            if role is not Role.SYSTEM
            and role not in person.roles
            and roles.compatible(person.roles, role)
        ]
        mine = person.id == request.state.staff.user_id
        is_staff = bool(STAFF_ROLES & set(person.roles))
        factor = await in_transaction(
            request.app.state.sessions,
            lambda session: second_factor.standing(session, person.id),
        )
        more = {
            "grants": grants,
            "free": free,
            "mine": mine,
            "is_staff": is_staff,
            "second_factor": factor,
        }
        return context | more

    async def _journal(self, request: Request, person: Person) -> None:
        """Looking at a patient leaves a line before anything is shown."""
        if Role.PATIENT not in person.roles:
            return
        actor = staff_of(request).actor
        await in_transaction(
            request.app.state.sessions,
            lambda session: journal_read(session, actor, "user", person.id, "patient"),
        )

    @command("/{pk}/block", Permission.USER_BLOCK)
    async def block(self, session: AsyncSession, call: Call) -> Done:
        """Shut the person out."""
        lost = await staff.block(
            session, call.actor, call.id("pk"), call.words("reason")
        )
        return Done(blocked_sentence([booking.label for booking in lost]))

    @command("/{pk}/unblock", Permission.USER_BLOCK, fresh=True)
    async def unblock(self, session: AsyncSession, call: Call) -> Done:
        """Let the person in again."""
        await staff.unblock(session, call.actor, call.id("pk"), call.words("reason"))
        return Done(gettext("The block is lifted."))

    @command("/{pk}/grant", Permission.ROLE_GRANT, fresh=True)
    async def grant(self, session: AsyncSession, call: Call) -> Done:
        """Give a role."""
        role = staff_pages.role_of(call)
        reason = call.words("reason")
        await roles.grant(session, call.actor, call.id("pk"), role, reason)
        return Done(gettext("The role is given."))

    @command("/{pk}/revoke", Permission.ROLE_GRANT, fresh=True)
    async def revoke(self, session: AsyncSession, call: Call) -> Done:
        """Take a role."""
        role = staff_pages.role_of(call)
        reason = call.words("reason")
        await roles.revoke(session, call.actor, call.id("pk"), role, reason)
        return Done(gettext("The role is taken."))

    @command("/{pk}/senior", Permission.ROLE_GRANT, fresh=True)
    async def senior(self, session: AsyncSession, call: Call) -> Done:
        """Make a dispatcher a senior one, or no longer."""
        senior, reason = call.checked("senior"), call.words("reason")
        await roles.set_senior(session, call.actor, call.id("pk"), senior, reason)
        if senior:
            return Done(gettext("The dispatcher is a senior one now."))
        return Done(gettext("The dispatcher is no senior one any more."))

    @command("/{pk}/second-factor/reset", Permission.SECOND_FACTOR_RESET, fresh=True)
    async def reset_second_factor(self, session: AsyncSession, call: Call) -> Done:
        """Free somebody who lost the phone and the recovery codes."""
        reason = call.words("reason")
        await second_factor.reset(session, call.actor, call.id("pk"), reason)
        return Done(gettext("The second factor is off."))

    @command("/{pk}/password", Permission.STAFF_CREATE, fresh=True)
    async def password(self, session: AsyncSession, call: Call) -> Done:
        """Make a new one-time password and show it once."""
        secret = await staff.renew_password(session, call.actor, call.id("pk"))
        back = f"/admin/users/details/{call.id('pk')}"
        return staff_pages.shown_once(secret, back)


def found(term: str) -> Any:
    """The condition on User for a search by phone, e-mail or name."""
    phone = complete_phone(term)
    if phone is not None:
        return col(User.phone) == phone
    digits = "".join(filter(str.isdigit, term))
    if digits and not any(map(str.isalpha, term)):
        return col(User.phone).contains(digits, autoescape=True)
    if "@" in term:
        return sa.func.lower(col(User.email)) == term.lower()
    return col(User.search_name).contains(term.lower(), autoescape=True)


def blocked_sentence(numbers: Sequence[str]) -> str:
    """Say what the block did, with the calls that wait again."""
    if not numbers:
        return gettext("The account is blocked.")
    return gettext(
        "The account is blocked. Waiting for another doctor: {calls}.",
        calls=", ".join(numbers),
    )


UsersView.identity = "users"
