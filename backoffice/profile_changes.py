"""What doctors want changed in their profiles: the difference, and a decision."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import doctor_facts
from backoffice.applications import incomplete, tabs_of
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page, staff_of
from models.profile_change import ChangeStatus
from services import profile_changes
from services.edges import in_transaction
from services.errors import ValidationFailed
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.words import label

QUEUE = "/admin/profile-changes"


class ProfileChanges(Page):
    """Requests of doctors, whoever waits longest first."""

    name = Lazy("Changes of doctors' profiles")
    icon = "ti ti-user-edit"
    needs = {"list": Permission.APPLICATION_REVIEW}
    in_menu = False

    @page("/profile-changes")
    async def profile_changes(self, request: Request) -> Response:
        """Show the requests that wait."""
        actor = staff_of(request).actor

        async def read(session: AsyncSession) -> dict[str, Any]:
            lines = await profile_changes.waiting(session, actor)
            return {"lines": lines, **await tabs_of(session, actor)}

        context = await in_transaction(request.app.state.sessions, read)
        context["names"] = doctor_facts.NAMES
        return await self.render(request, "profile_changes/queue.html", context)

    @page("/profile-changes/{pk}")
    async def profile_change(self, request: Request) -> Response:
        """Show one request; the look is journalled before it is sent."""
        call = Call(request, {})
        view = await in_transaction(
            request.app.state.sessions,
            lambda session: profile_changes.one(session, call.actor, call.id("pk")),
        )
        context = {
            "seen": view,
            "names": doctor_facts.NAMES,
            "shown": doctor_facts.shown,
            "lacking": [label(each) for each in view.lacking],
            "label": label,
            "open": view.change.status is ChangeStatus.PENDING,
        }
        return await self.render(request, "profile_changes/page.html", context)

    @command("/profile-changes/{pk}/approve", Permission.APPLICATION_REVIEW, fresh=True)
    async def approve(self, session: AsyncSession, call: Call) -> Done:
        """Let the change act."""
        try:
            await profile_changes.approve(session, call.actor, *_seen(call))
        except ValidationFailed as error:
            raise incomplete(error) from error
        return Done(gettext("The change acts now."), QUEUE)

    @command("/profile-changes/{pk}/reject", Permission.APPLICATION_REVIEW)
    async def reject(self, session: AsyncSession, call: Call) -> Done:
        """Refuse the change; what holds goes on holding."""
        reason = call.words("reason", 1000)
        await profile_changes.reject(session, call.actor, *_seen(call), reason)
        return Done(gettext("The change is rejected; the doctor reads why."), QUEUE)


def _seen(call: Call) -> tuple[Any, int]:
    return call.id("pk"), call.integer("version") or 0
