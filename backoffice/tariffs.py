"""Tariffs: what part of a price goes to whoever did the visit, in versions."""

from decimal import Decimal, InvalidOperation
from typing import Any

from babel import numbers
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import forms
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page
from backoffice.payouts import moment
from backoffice.refused_forms import refused
from models import Tariff
from services import tariff_reads, tariffs
from services.edges import in_transaction
from services.errors import DomainError
from services.i18n import Lazy, current_locale, gettext
from services.permissions import Permission
from services.tariff_reads import Standing
from services.tariffs import TariffInput

HERE = "/admin/tariffs"
EXAMPLE = 450_000
STANDINGS = {
    Standing.NOW: ("good", Lazy("counts now")),
    Standing.LATER: ("info", Lazy("will count")),
    Standing.PAST: ("", Lazy("replaced by a newer one")),
}
SCOPES = {
    "all": Lazy("For all"),
    "doctor": Lazy("For one doctor"),
    "clinic": Lazy("For one clinic"),
}


class TariffsPage(Page):
    """Every version with an example, and the form of a new one."""

    name = Lazy("Tariffs")
    icon = "ti ti-percentage"
    needs = {"list": Permission.TARIFF_EDIT}

    @page("/tariffs")
    async def tariffs(self, request: Request) -> Response:
        """Show the versions."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the page; what was typed and refused stands there again."""
        typed = refused(call, error)
        actor = Call(request, {}).actor
        seen = await in_transaction(
            request.app.state.sessions,
            lambda session: tariff_reads.every(session, actor),
        )
        context: dict[str, Any] = {"seen": seen, "typed": typed, "example": EXAMPLE}
        context |= {"standings": STANDINGS, "scopes": SCOPES}
        context |= {"share": tariffs.share, "percent": percent}
        return await self.render(request, "money/tariffs.html", context)

    @command("/tariffs", Permission.TARIFF_EDIT, again="form")
    async def publish(self, session: AsyncSession, call: Call) -> Done:
        """Add a version; visits that ended keep theirs."""
        made = await tariffs.publish(session, call.actor, _typed(call))
        return Done(gettext("The tariff is added: {share} %.", share=percent(made)))


def percent(tariff: Tariff) -> str:
    """Basis points as people say them: 7050 → «70,5»."""
    share = Decimal(tariff.share_points) / 100
    return str(numbers.format_decimal(share, locale=current_locale()))


def _typed(call: Call) -> TariffInput:
    scope = call.text("scope")
    return TariffInput(
        share_points=_points(call),
        fixed_kopecks=_fixed(call),
        doctor_id=_payee(call, "doctor_id") if scope == "doctor" else None,
        clinic_id=_payee(call, "clinic_id") if scope == "clinic" else None,
        valid_from=moment(call, "valid_from"),
    )


def _payee(call: Call, name: str) -> Any:
    call.words(name, 40)
    return call.id(name)


def _points(call: Call) -> int:
    typed = call.words("share", 10).replace(",", ".").rstrip(" %")
    try:
        points = Decimal(typed) * 100
    except InvalidOperation:
        points = Decimal("NaN")
    if not (points.is_finite() and 0 <= points <= tariffs.WHOLE and points % 1 == 0):
        message = gettext("Enter a share from 0 to 100 %, say 70 or 70,5.")
        raise call.wrong("share", message)
    return int(points)


def _fixed(call: Call) -> int:
    typed = call.text("fixed")[:20]
    if not typed:
        return 0
    try:
        return forms.kopecks_of(typed)
    except ValueError as error:
        raise call.wrong("fixed", str(error)) from None
