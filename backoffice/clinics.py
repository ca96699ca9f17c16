"""Clinics: a plain card, its managers, and a way to add one."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from wtforms import validators

from backoffice import cells, formats
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.filters import Either
from backoffice.forms import PhoneField
from backoffice.pages import staff_of
from backoffice.staff_pages import person_in, shown_once
from backoffice.tables import TableView
from models import ClinicProfile
from services import clinic_invitations, clinics, tax_numbers
from services.clinic_invitations import Invitee
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.permissions import Permission


def _right_inn(_: Any, field: Any) -> None:
    """A tax number carries digits that check the others."""
    if field.data and not tax_numbers.is_right(field.data):
        raise validators.ValidationError(gettext("This is not a tax number (INN)."))


class ClinicsView(TableView, model=ClinicProfile):
    """The list, the card and the form of a clinic."""

    name = Lazy("Clinic")
    name_plural = Lazy("Clinics")
    icon = "ti ti-building-hospital"
    needs: ClassVar[Mapping[str, Permission]] = {
        "list": Permission.CLINIC_READ,
        "details": Permission.CLINIC_READ,
        "create": Permission.CLINIC_MANAGE,
        "edit": Permission.CLINIC_MANAGE,
    }
    can_create = can_edit = can_view_details = True
    column_list: ClassVar[Sequence[Any]] = ["name"]
    column_default_sort = "name"
    search_hint = Lazy("Title, address")
    form_columns: ClassVar[Sequence[Any]] = [
        "name",
        "licence_number",
        "tax_number",
        "phone",
        "address",
        "active",
    ]
    form_overrides: ClassVar[dict[Any, Any]] = {"phone": PhoneField}
    wraps = frozenset({"name", "address"})
    column_labels: ClassVar[dict[Any, Any]] = {
        "name": Lazy("Title"),
        "licence_number": Lazy("Licence number"),
        "tax_number": Lazy("Tax number (INN)"),
        "address": Lazy("Address"),
        "phone": Lazy("Phone"),
        "active": Lazy("Takes calls"),
        "created_at": Lazy("Created"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "name": lambda row: row.name,
        "address": lambda row: cells.either(row.address),
        "phone": lambda row: formats.phone(row.phone),
        "active": lambda row: cells.yes_no(row.active),
    }
    facts: ClassVar[Mapping[str, Any]] = {
        "licence_number": lambda row: cells.either(row.licence_number),
        "tax_number": lambda row: cells.either(row.tax_number),
        **cells,
        "created_at": lambda row: formats.full_moment(row.created_at),
    }
    column_filters: ClassVar[Sequence[Any]] = [
        Either(
            Lazy("Takes calls"),
            "active",
            [
                ("yes", Lazy("Yes"), lambda: col(ClinicProfile.active)),
                ("no", Lazy("No"), lambda: ~col(ClinicProfile.active)),
            ],
        ),
    ]
    details_template = "clinics/details.html"

    def title_of(self, row: Any) -> str:
        """The clinic's name."""
        return str(row.name)

    def found(self, term: str) -> Any:
        """Search by name and address; there are few clinics."""
        name, address = col(ClinicProfile.name), col(ClinicProfile.address)
        return name.icontains(term, autoescape=True) | address.icontains(
            term, autoescape=True
        )

    def field_options(self) -> dict[str, dict[str, Any]]:
        """What the fields accept."""
        inn = gettext("10 or 12 digits")
        phone = gettext("For example +7 495 123-45-67")
        return {
            "name": {"validators": [validators.Length(max=200)]},
            "tax_number": {
                "validators": [
                    validators.Optional(),
                    _right_inn,
                ],
                "description": inn,
            },
            "licence_number": {"validators": [validators.Length(max=60)]},
            "address": {"validators": [validators.Length(max=300)]},
            "phone": {"description": phone},
        }

    async def details_context(self, request: Request) -> dict[str, Any]:
        """Add the managers."""
        context = await super().details_context(request)
        clinic_id = context["dressed"].id
        actor = staff_of(request).actor

        async def people_of(session: AsyncSession) -> dict[str, Any]:
            invited = await clinic_invitations.open_ones(session, actor, clinic_id)
            managers = await clinics.members(session, clinic_id)
            return {"managers": managers, "invited": invited}

        found = await in_transaction(self.sessions, people_of)
        return context | found | {"values": {}, "wrong": {}}

    @command("/{pk}/managers", Permission.CLINIC_MANAGE, fresh=True)
    async def add_manager(self, session: AsyncSession, call: Call) -> Done:
        """Make an account for somebody who assigns this clinic's doctors."""
        clinic_id = call.id("pk")
        user, secret = await clinics.add_manager(
            session, call.actor, clinic_id, person_in(call)
        )
        return shown_once(secret, f"/admin/clinics/details/{clinic_id}", user.full_name)

    @command("/{pk}/invitations", Permission.CLINIC_INVITE, fresh=True)
    async def invite_manager(self, session: AsyncSession, call: Call) -> Done:
        """Send somebody the link to a password of their own."""
        typed = {name: call.text(name) for name in Invitee.model_fields}
        invitee = Invitee(**{name: value for name, value in typed.items() if value})
        await clinic_invitations.invite(session, call.actor, call.id("pk"), invitee)
        said = gettext("The invitation is on its way to {email}.", email=invitee.email)
        return Done(said, to=f"/admin/clinics/details/{call.id('pk')}")

    @command("/{pk}/invitations/{code}/revoke", Permission.CLINIC_INVITE)
    async def revoke_invitation(self, session: AsyncSession, call: Call) -> Done:
        """Take an invitation back."""
        clinic_id = call.id("pk")
        await clinic_invitations.revoke(session, call.actor, clinic_id, call.id("code"))
        said = gettext("The invitation is revoked.")
        return Done(said, to=f"/admin/clinics/details/{clinic_id}")

    @command("/{pk}/managers/{user}/remove", Permission.CLINIC_MANAGE, fresh=True)
    async def remove_manager(self, session: AsyncSession, call: Call) -> Done:
        """Take the clinic from a manager."""
        clinic_id, reason = call.id("pk"), call.words("reason")
        await clinic_invitations.remove_manager(
            session, call.actor, clinic_id, call.id("user"), reason
        )
        said = gettext("The manager is removed.")
        return Done(said, to=f"/admin/clinics/details/{clinic_id}")


ClinicsView.identity = "clinics"
