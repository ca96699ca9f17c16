"""Where one is signed in, and the buttons that end it."""

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page, staff_of
from services import own_sessions
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.permissions import Permission


class OwnSessions(Page):
    """The list of one's own sessions."""

    name = Lazy("My sessions")
    icon = "ti ti-devices"
    in_menu = False

    @page("/me/sessions")
    async def sessions(self, request: Request) -> Response:
        """Show every browser in which one is signed in."""
        staff = staff_of(request)
        found = await in_transaction(
            request.app.state.sessions,
            lambda session: own_sessions.listing(session, staff),
        )
        context = {"open": found, "this": staff.session_id}
        return await self.render(request, "sessions.html", context)

    @command("/me/sessions/{pk}/end", Permission.CONSOLE_USE)
    async def end_session(self, session: AsyncSession, call: Call) -> Done:
        """End one of them."""
        await own_sessions.end(session, call.staff, call.id("pk"))
        return Done(gettext("The session is ended."))

    @command("/me/sessions/end-others", Permission.CONSOLE_USE)
    async def end_other_sessions(self, session: AsyncSession, call: Call) -> Done:
        """End all but this one."""
        await own_sessions.end_others(session, call.staff)
        return Done(gettext("All other sessions are ended."))
