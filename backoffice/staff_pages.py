"""Creating a member of staff, one's own password, and passwords shown once."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page
from models import Role
from models.role_grant import STAFF_ROLES
from services import staff
from services.errors import DomainError
from services.i18n import Lazy, gettext
from services.people import NewPerson
from services.permissions import Permission
from services.words import label

PERSON_FIELDS = ("first_name", "last_name", "middle_name", "email", "phone")
ORDER = (Role.DISPATCHER, Role.CURATOR, Role.FINANCE, Role.ADMIN)


def person_in(call: Call) -> NewPerson:
    """Read the fields of a person; the empty ones are left out."""
    typed = {name: call.text(name) for name in PERSON_FIELDS}
    return NewPerson(**{name: value for name, value in typed.items() if value})


def role_of(call: Call) -> Role:
    """Read the role of a form."""
    try:
        return Role(call.text("role"))
    except ValueError:
        raise call.wrong("role", gettext("This value does not fit.")) from None


def shown_once(secret: str, back: str, name: str = "") -> Done:
    """Show a one-time password on the answer itself; no redirect, no store."""
    context = {"secret": secret, "back": back, "name": name}
    return Done(
        "", data={"password": secret}, show=("staff/password_once.html", context)
    )


def form_state(call: Call | None, error: DomainError | None) -> dict[str, Any]:
    """What was typed and what was wrong about it, for a form drawn anew."""
    wrong = (
        {e["field"]: e["message"] for e in error.facts.get("errors", [])}
        if error
        else {}
    )
    return {
        "values": dict(call.fields) if call else {},
        "lists": dict(call.lists) if call else {},
        "wrong": wrong,
        "error": error.message if error else None,
    }


class NewStaff(Page):
    """The form for a new member of staff."""

    name = Lazy("New member of staff")
    icon = "ti ti-user-plus"
    in_menu = False
    needs = {"list": Permission.STAFF_CREATE}

    @page("/staff/new")
    async def new_staff(self, request: Request) -> Response:
        """Show the empty form."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the form with what was typed."""
        choices = [(role.value, label(role)) for role in ORDER]
        context = form_state(call, error) | {"roles": choices}
        return await self.render(request, "staff/new.html", context)

    @command("/staff", Permission.STAFF_CREATE, again="form", fresh=True)
    async def create_staff(self, session: AsyncSession, call: Call) -> Done:
        """Make the account and show its one-time password."""
        role = role_of(call)
        if role not in STAFF_ROLES:
            raise call.wrong("role", gettext("This value does not fit."))
        user, secret = await staff.create_staff(
            session, call.actor, person_in(call), role, call.words("reason")
        )
        return shown_once(secret, f"/admin/users/details/{user.id}", user.full_name)


class OwnPassword(Page):
    """One's own password; a newcomer sees nothing else before it is changed."""

    name = Lazy("Password")
    icon = "ti ti-key"
    in_menu = False

    @page("/me/password")
    async def own_password(self, request: Request) -> Response:
        """Show the form."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the form; typed passwords are never sent back."""
        context = form_state(None, error) | {"shortest": staff.SHORTEST_PASSWORD}
        return await self.render(request, "staff/own_password.html", context)

    @command("/me/password", Permission.CONSOLE_USE, again="form", proves=True)
    async def change_password(self, session: AsyncSession, call: Call) -> Done:
        """Change it; all other sessions of the person end."""
        new = str(call.fields.get("new_password", ""))
        if new != call.fields.get("repeated"):
            raise call.wrong("repeated", gettext("The two passwords differ."))
        current = str(call.fields.get("current_password", ""))
        await staff.change_own_password(session, call.staff, current, new)
        return Done(gettext("The password is changed."), to="/admin/")
