"""Clinics: a plain card, its managers, and a way to add one."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from wtforms import validators

from backoffice import cells, formats
from backoffice.commands import Call, Done, command
from backoffice.filters import Either
from backoffice.forms import PhoneField
from backoffice.staff_pages import person_in, shown_once
from backoffice.tables import TableView
from models import ClinicProfile
from services import clinics
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.permissions import Permission


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
        return {
            "name": {"validators": [validators.Length(max=200)]},
            "tax_number": {
                "validators": [
                    validators.Optional(),
                    validators.Regexp(r"^(\d{10}|\d{12})$", message=inn),
                ],
                "description": inn,
            },
        }

    async def details_context(self, request: Request) -> dict[str, Any]:
        """Add the managers."""
        context = await super().details_context(request)
        clinic_id = context["dressed"].id
        managers = await in_transaction(
            self.sessions, lambda session: clinics.members(session, clinic_id)
        )
        return context | {"managers": managers, "values": {}, "wrong": {}}

    @command("/{pk}/managers", Permission.CLINIC_MANAGE)
    async def add_manager(self, session: AsyncSession, call: Call) -> Done:
        """Make an account for somebody who assigns this clinic's doctors."""
        clinic_id = call.id("pk")
        user, secret = await clinics.add_manager(
            session, call.actor, clinic_id, person_in(call)
        )
        return shown_once(secret, f"/admin/clinics/details/{clinic_id}", user.full_name)


ClinicsView.identity = "clinics"
