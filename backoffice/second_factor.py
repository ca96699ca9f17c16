"""The second factor: shown at sign-in, set up, renewed and switched off."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sqladmin import expose
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice import problems
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, local_path, page, staff_of
from backoffice.sign_in import SECOND_FACTOR_PAGE, client_of, give_cookie
from services import qr, second_factor
from services.edges import in_transaction
from services.errors import DomainError, NotFound
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.second_factor import WrongCode
from services.staff_sessions import Step

HOME = "/admin/"


class SecondFactor(Page):
    """Everything about one's own second factor."""

    name = Lazy("Second factor")
    icon = "ti ti-shield-lock"
    in_menu = False

    @page("/me/second-factor")
    async def second_factor(self, request: Request) -> Response:
        """Ask for a code, or show how the second factor stands."""
        return await self.show(
            request, _wanted(request.query_params.get("next"), request)
        )

    async def show(
        self, request: Request, wanted: str, error: DomainError | None = None
    ) -> Response:
        """Draw the step that this person is at."""
        staff = staff_of(request)
        told: dict[str, Any] = {"next": wanted, "error": error and error.message}
        status = error.status if error else 200
        if staff.step is Step.CODE:
            return await self.render(request, "second_factor/code.html", told, status)
        sessions = request.app.state.sessions
        if staff.enrolled:
            found = await in_transaction(
                sessions, lambda own: second_factor.standing(own, staff.user_id)
            )
            template, told = "second_factor/standing.html", told | {"standing": found}
        else:
            enrolment = await in_transaction(
                sessions, lambda own: second_factor.enrolment(own, staff)
            )
            title = gettext("QR code for the authenticator app")
            picture = qr.svg(enrolment.link, title) if enrolment else ""
            template = "second_factor/enrol.html"
            told |= {"enrolment": enrolment, "picture": picture}
        return await self.render(request, template, told, status)

    @command("/me/second-factor/begin", Permission.CONSOLE_USE, fresh=True)
    async def begin_second_factor(self, session: AsyncSession, call: Call) -> Done:
        """Make a secret for the phone."""
        await second_factor.begin(session, call.staff)
        wanted = _wanted(call.text("next"), call.request)
        return Done("", to=f"{SECOND_FACTOR_PAGE}?next={quote(wanted)}")

    @expose("/me/second-factor/confirm", methods=["POST"])
    async def confirm_second_factor(self, request: Request) -> Response:
        """Take the first code of the phone and show the recovery codes, once."""
        return await self._try(request, self._confirmed)

    @expose("/me/second-factor/check", methods=["POST"])
    async def check_second_factor(self, request: Request) -> Response:
        """Take a code and finish the sign-in, under a new session."""
        if staff_of(request).step is not Step.CODE:
            # Whoever is in already would have a fresh proof for half of one.
            return await problems.respond(request, NotFound())
        return await self._try(request, self._checked)

    @command("/me/second-factor/codes", Permission.CONSOLE_USE, fresh=True)
    async def renew_recovery_codes(self, session: AsyncSession, call: Call) -> Done:
        """Make ten new recovery codes and show them once."""
        codes = await second_factor.renew_codes(session, call.staff)
        return Done(
            "", show=("second_factor/codes.html", _sheet(codes, SECOND_FACTOR_PAGE))
        )

    @command("/me/second-factor/off", Permission.CONSOLE_USE, fresh=True)
    async def switch_second_factor_off(self, session: AsyncSession, call: Call) -> Done:
        """Forget the phone, to do without or to set up another one."""
        await second_factor.turn_off(session, call.staff)
        return Done(gettext("The second factor is off."), to=SECOND_FACTOR_PAGE)

    async def _try(self, request: Request, use: Any) -> Response:
        call = await Call.read(request)
        wanted = _wanted(call.text("next"), request)
        sessions, staff = request.app.state.sessions, call.staff
        try:
            # Counted first and by itself: a try that fails must stay counted.
            await in_transaction(
                sessions, lambda own: second_factor.limit(own, staff.user_id)
            )
            response: Response | None = await use(call, wanted)
            if response is None:
                await in_transaction(
                    sessions, lambda own: second_factor.refused(own, staff)
                )
                raise WrongCode
        except DomainError as error:
            if problems.wants_json(request):
                return problems.as_json(error)
            drawn = await self.show(request, wanted, error)
            drawn.headers.update(problems.headers_of(error))
            return drawn
        return response

    async def _confirmed(self, call: Call, wanted: str) -> Response | None:
        async def work(session: AsyncSession) -> tuple[Sequence[str], str] | None:
            codes = await second_factor.confirm(session, call.staff, call.text("code"))
            if codes is None:
                return None
            return codes, await _complete(session, call)

        found = await in_transaction(call.request.app.state.sessions, work)
        if found is None:
            return None
        sheet = _sheet(found[0], wanted)
        response = await self.render(call.request, "second_factor/codes.html", sheet)
        give_cookie(call.request, response, found[1])
        return response

    async def _checked(self, call: Call, wanted: str) -> Response | None:
        async def work(session: AsyncSession) -> str | None:
            user_id, typed = call.staff.user_id, call.text("code")
            if not await second_factor.check(session, user_id, typed):
                return None
            return await _complete(session, call)

        token = await in_transaction(call.request.app.state.sessions, work)
        if token is None:
            return None
        response = RedirectResponse(wanted, 303)
        give_cookie(call.request, response, token)
        return response


async def _complete(session: AsyncSession, call: Call) -> str:
    hours = call.request.app.state.settings.staff_session_hours
    client = client_of(call.request)
    return await second_factor.complete(session, call.staff, client, hours)


def _wanted(address: str | None, request: Request) -> str:
    return local_path(request, address) or HOME


def _sheet(codes: Sequence[str], onward: str) -> dict[str, Any]:
    text = quote("\r\n".join(codes))
    return {"codes": codes, "onward": onward, "file": f"data:text/plain,{text}"}
