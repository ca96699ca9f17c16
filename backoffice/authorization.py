"""Grants of the console, derived from the one table of permissions."""

from sqladmin.authorization import GrantsAuthorizationBackend
from starlette.requests import Request

from services.permissions import Permission, may
from services.staff_sessions import Staff


def do(permission: Permission) -> str:
    """The action name under which sqladmin is asked about a command."""
    return f"do:{permission.value}"


class TableGrants(GrantsAuthorizationBackend):
    """Each view says which permission an action on it needs; the table says who has it."""

    async def get_grants(self, request: Request) -> set[tuple[str, str]]:
        """List what the role of this request may open and do."""
        staff: Staff | None = request.state.staff
        if staff is None:
            return set()
        grants = {("*", do(each)) for each in Permission if may(staff.role, each)}
        for view in request.app.state.console.views:
            for action, permission in getattr(view, "needs", {}).items():
                if may(staff.role, permission):
                    grants.add((view.identity, action))
        return grants
