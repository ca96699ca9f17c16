"""The form of a doctor: a new one with the person, or the facts of a known one."""

import uuid
from collections.abc import Mapping
from typing import Any

from babel import Locale
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page
from backoffice.staff_pages import form_state, person_in, shown_once
from backoffice.tables import moment_of
from models import DoctorProfile, User
from models.specialization import Specialization
from services import clinics, doctors
from services.doctors import LANGUAGES, DoctorFacts
from services.edges import in_transaction
from services.errors import DomainError, NotFound
from services.i18n import Lazy, current_locale, gettext
from services.permissions import Permission
from services.words import label

PLAIN_FIELDS = (
    "licence_number",
    "licence_expires_on",
    "documents_valid_until",
    "experience_years",
    "clinic_id",
    "home_district",
    "home_latitude",
    "home_longitude",
)


def facts_in(call: Call) -> DoctorFacts:
    """Read the doctor's facts; the main specialization goes first."""
    typed: dict[str, Any] = {name: call.text(name) for name in PLAIN_FIELDS}
    main = call.text("specialization")
    others = [each for each in call.many("also") if each != main]
    typed["specializations"] = [main, *others]
    typed["languages"] = call.many("languages")
    for name in ("home_latitude", "home_longitude"):
        typed[name] = _number(typed[name])
    given = {name: each for name, each in typed.items() if each not in ("", [])}
    return DoctorFacts(**given)


def _number(typed: str) -> float | str:
    """A form sends texts; what is no number stays for the schema to refuse."""
    try:
        return float(typed)
    except ValueError:
        return typed


def values_of(profile: DoctorProfile) -> dict[str, Any]:
    """What the form shows of a known doctor."""
    values = {name: getattr(profile, name) for name in PLAIN_FIELDS}
    values["specialization"] = profile.specializations[0]
    values["seen"] = profile.updated_at.isoformat()
    return values


def language_name(code: str) -> str:
    """The name of a language in the reader's language."""
    return str(Locale(code).get_display_name(current_locale()) or code)


class DoctorForm(Page):
    """Creating a doctor and editing what is known of one."""

    name = Lazy("Doctor's card")
    icon = "ti ti-stethoscope"
    in_menu = False
    needs = {"list": Permission.DOCTOR_MANAGE}

    @page("/doctors/new")
    async def new_doctor(self, request: Request) -> Response:
        """Show the empty form."""
        return await self.form(request)

    @page("/doctors/{pk}/edit")
    async def edit_doctor(self, request: Request) -> Response:
        """Show the form with the doctor's facts."""
        return await self.edit_form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the form for a new doctor."""
        return await self._draw(request, form_state(call, error), None)

    async def edit_form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the form for a known doctor, with what was typed if it was refused."""
        user, profile = await in_transaction(
            request.app.state.sessions,
            lambda session: _load(session, request.path_params["pk"]),
        )
        state = form_state(call, error)
        if call is None:
            state["values"] = values_of(profile)
            state["lists"] = {
                "also": profile.specializations[1:],
                "languages": profile.languages,
            }
        return await self._draw(request, state, user)

    async def _draw(
        self, request: Request, state: Mapping[str, Any], user: User | None
    ) -> Response:
        found = await in_transaction(request.app.state.sessions, clinics.active)
        context = {
            **state,
            "user": user,
            "clinics": [(each.id, each.name) for each in found],
            "kinds": [(each.value, label(each)) for each in Specialization],
            "tongues": [(code, language_name(code)) for code in LANGUAGES],
        }
        return await self.render(request, "doctors/form.html", context)

    @command("/doctors", Permission.DOCTOR_MANAGE, again="form", fresh=True)
    async def create_doctor(self, session: AsyncSession, call: Call) -> Done:
        """Bring a doctor aboard and show the first password once."""
        user, secret = await doctors.create(
            session, call.actor, person_in(call), facts_in(call)
        )
        return shown_once(secret, f"/admin/doctors/details/{user.id}", user.full_name)

    @command("/doctors/{pk}/edit", Permission.DOCTOR_MANAGE, again="edit_form")
    async def save_doctor(self, session: AsyncSession, call: Call) -> Done:
        """Write the facts unless somebody else did meanwhile."""
        doctor_id = call.id("pk")
        seen = moment_of(call.text("seen"))
        await doctors.edit(session, call.actor, doctor_id, facts_in(call), seen)
        return Done(gettext("Saved."), to=f"/admin/doctors/details/{doctor_id}")


async def _load(session: AsyncSession, raw_id: str) -> tuple[User, DoctorProfile]:
    try:
        key = uuid.UUID(raw_id)
    except ValueError:
        raise NotFound from None
    query = (
        select(User, DoctorProfile)
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(col(User.id) == key)
    )
    row = (await session.exec(query)).one_or_none()
    if row is None:
        raise NotFound
    return row[0], row[1]
