"""Ready answers of the dispatchers: what stands under the digits, and in which order."""

from typing import Any, ClassVar

from pydantic import TypeAdapter
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.command_calls import Call
from backoffice.commands import Done, command, sentence
from backoffice.pages import Page, page
from services import quick_replies
from services.edges import in_transaction
from services.errors import DomainError
from services.i18n import Lazy, gettext
from services.permissions import Permission

HERE = "/admin/quick-replies"
TEXT: TypeAdapter[str] = TypeAdapter(quick_replies.Text)


class QuickReplies(Page):
    """A short list on one page, reached from the conversations and the settings."""

    name = Lazy("Ready answers")
    icon = "ti ti-bolt"
    needs: ClassVar[Any] = {"list": Permission.QUICK_REPLY_EDIT}
    in_menu = False

    @page("/quick-replies")
    async def quick_replies(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Show the list; a refused sentence comes back as it was typed."""
        kept = await in_transaction(request.app.state.sessions, quick_replies.listing)
        context = {
            "kept": kept,
            "usual": [] if kept else [str(each) for each in quick_replies.USUAL],
            "full": len(kept) >= quick_replies.MOST,
            "error": sentence(error) if error else "",
            "typed": call.text("text") if call else "",
            "wrong": str(call.request.path_params.get("pk", "")) if call else "",
        }
        return await self.render(request, "chat/replies.html", context)

    @command("/quick-replies", Permission.QUICK_REPLY_EDIT, again="quick_replies")
    async def add_reply(self, session: AsyncSession, call: Call) -> Done:
        """Write one more."""
        await quick_replies.add(session, call.actor, _text(call))
        return Done(gettext("Saved."), HERE)

    @command("/quick-replies/usual", Permission.QUICK_REPLY_EDIT)
    async def add_usual_replies(self, session: AsyncSession, call: Call) -> Done:
        """Write down the usual ones, to change them."""
        await quick_replies.add_usual(session, call.actor)
        return Done(gettext("Saved."), HERE)

    @command(
        "/quick-replies/{pk}/edit", Permission.QUICK_REPLY_EDIT, again="quick_replies"
    )
    async def edit_reply(self, session: AsyncSession, call: Call) -> Done:
        """Write one anew."""
        await quick_replies.edit(session, call.actor, call.id("pk"), _text(call))
        return Done(gettext("Saved."), HERE)

    @command("/quick-replies/{pk}/move", Permission.QUICK_REPLY_EDIT)
    async def move_reply(self, session: AsyncSession, call: Call) -> Done:
        """Let one change places with its neighbour."""
        up = call.text("way") != "down"
        await quick_replies.move(session, call.actor, call.id("pk"), up)
        return Done("", HERE)

    @command("/quick-replies/{pk}/remove", Permission.QUICK_REPLY_EDIT)
    async def remove_reply(self, session: AsyncSession, call: Call) -> Done:
        """Forget one."""
        await quick_replies.remove(session, call.actor, call.id("pk"))
        return Done(gettext("The answer is removed."), HERE)


def _text(call: Call) -> str:
    return TEXT.validate_python(call.words("text", 500))
