"""Texts of consents: what holds now, what held before, and publishing the next one."""

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page
from backoffice.staff_pages import form_state
from services import consents
from services.consents import MEDICAL_DATA, PERSONAL_DATA, NewText
from services.edges import in_transaction
from services.errors import DomainError
from services.i18n import Lazy, gettext
from services.permissions import Permission

FIELDS = ("kind", "version", "text_ru", "text_en")
KINDS = {
    PERSONAL_DATA: Lazy("Personal data"),
    MEDICAL_DATA: Lazy("Medical data"),
}


class ConsentTexts(Page):
    """One page: the texts by kind, and the form of a new version."""

    name = Lazy("Consent texts")
    icon = "ti ti-writing-sign"
    needs = {"list": Permission.CONSENT_EDIT}

    @page("/consents")
    async def consents(self, request: Request) -> Response:
        """Show the texts."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the page with what was typed."""
        texts = await in_transaction(request.app.state.sessions, consents.history)
        words = {kind: str(word) for kind, word in KINDS.items()}
        context = form_state(call, error) | {"texts": texts, "kinds": words}
        return await self.render(request, "consents.html", context)

    @command("/consents", Permission.CONSENT_EDIT, again="form")
    async def publish_consent(self, session: AsyncSession, call: Call) -> Done:
        """Make a text the current one; from then on the one before is stale."""
        new = NewText(**{name: call.text(name) for name in FIELDS})
        text = await consents.publish(session, call.actor, new)
        said = gettext("Version {version} is published.", version=text.version)
        return Done(said, to="/admin/consents")
