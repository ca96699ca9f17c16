"""How a person wants to see the console: theme and language."""

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page, staff_of
from services import i18n, staff
from services.i18n import Lazy
from services.permissions import Permission
from services.words import label

THEMES = ("auto", "light", "dark")


class Preferences(Page):
    """Own settings: the corner of the rail and the page behind the initials."""

    name = Lazy("My account")
    icon = "ti ti-user"
    in_menu = False

    @page("/me")
    async def me(self, request: Request) -> Response:
        """Show who is signed in, with the way to another password."""
        role = label(staff_of(request).role)
        return await self.render(
            request, "me.html", {"themes": THEMES, "role_word": role}
        )

    @command("/me/theme", Permission.CONSOLE_USE)
    async def theme(self, session: AsyncSession, call: Call) -> Done:
        """Keep the theme with the person, not with the browser."""
        chosen = call.text("theme")
        if chosen not in THEMES:
            raise call.wrong("theme", i18n.gettext("This value does not fit."))
        await staff.prefer(session, call.actor, theme=chosen)
        return Done("", data={"theme": chosen})

    @command("/me/language", Permission.CONSOLE_USE)
    async def language(self, session: AsyncSession, call: Call) -> Done:
        """Keep the language with the person; the page also gets a cookie."""
        chosen = call.text("language")
        if chosen not in i18n.LOCALES:
            raise call.wrong("language", i18n.gettext("This value does not fit."))
        await staff.prefer(session, call.actor, locale=chosen)
        call.request.state.language = chosen
        return Done("", data={"language": chosen})
