"""Settings that act at once: thresholds, lengths of visits, hours, fallback prices."""

from itertools import groupby
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page
from services import settings, telegram_content
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.settings import Line
from services.words import label

GROUPS = {
    "sla": Lazy("How long a call may wait"),
    "doctor_access_hours": Lazy("Access"),
    "base_price": Lazy("Prices"),
    "visit_minutes": Lazy("Length of a visit"),
    "documents": Lazy("Documents of applicants"),
    "retention": Lazy("How long things are kept"),
    "extras": Lazy("Extra services"),
    "prepay": Lazy("Payment in advance"),
    "compensation": Lazy("Compensations"),
    "refund": Lazy("Refunds"),
    "quiet": Lazy("Quiet hours of notices"),
    "required_documents": Lazy("Required documents"),
}


# Seventy switches are a table: a row for each specialization.
PAPERS = "required_documents"


def _group(line: Line) -> str:
    return line.definition.key.partition(".")[0]


def _of_whom(line: Line) -> Any:
    return line.definition.about[0]


class SettingsPage(Page):
    """One page with every setting, changed one at a time."""

    name = Lazy("Settings")
    icon = "ti ti-settings"
    needs = {"list": Permission.SETTING_EDIT}

    @page("/settings")
    async def settings(self, request: Request) -> Response:
        """List the settings by subject."""
        sessions = request.app.state.sessions
        lines = await in_transaction(sessions, settings.listing)
        groups: list[tuple[str, list[Any]]] = [
            (str(GROUPS.get(name, name)), list(of_group))
            for name, of_group in groupby(lines, _group)
        ]
        needed = [line for line in lines if _group(line) == PAPERS]
        context = {
            "groups": [each for each in groups if each[0] != str(GROUPS[PAPERS])],
            "papers": [
                (label(of_whom), list(row))
                for of_whom, row in groupby(needed, _of_whom)
            ],
            "papers_title": GROUPS[PAPERS],
            "telegram_on": await in_transaction(sessions, telegram_content.is_on),
        }
        return await self.render(request, "settings.html", context)

    @command("/settings", Permission.SETTING_EDIT)
    async def put_setting(self, session: AsyncSession, call: Call) -> Done:
        """Change one value."""
        value = call.integer("value")
        if value is None:
            raise call.wrong("value", gettext("Enter a whole number."))
        await settings.put(session, call.actor, call.text("key"), value)
        return Done(gettext("Saved."), to="/admin/settings")

    @command("/settings/telegram", Permission.TELEGRAM_CONTENT_EDIT)
    async def put_telegram(self, session: AsyncSession, call: Call) -> Done:
        """Let Telegram carry content, or stop it."""
        on, reason = call.checked("on"), call.words("reason")
        await telegram_content.put(session, call.actor, on, reason)
        told = (
            gettext("Telegram: content is switched on.")
            if on
            else gettext("Telegram: content is switched off.")
        )
        return Done(told, to="/admin/settings#telegram")
