"""What one wants to be told, by which channels, and when one wants to sleep."""

from api.deps import CurrentUser, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.notifications import PreferencesAnswer
from services import notification_preferences
from services.notification_preferences import PreferencesInput

router = make_router("/v1/me/notifications", "Accounts")


@router.get("", responses=problems(401, 403))
async def read_preferences(
    session: SessionDep, caller: CurrentUser
) -> PreferencesAnswer:
    """List the kinds of messages that may concern one, and what one wants of them."""
    return PreferencesAnswer.of(await notification_preferences.of(session, caller))


@router.put("", responses=problems(401, 403))
async def change_preferences(
    body: PreferencesInput, session: SessionDep, caller: CurrentUser
) -> PreferencesAnswer:
    """Change what is given; urgent messages come at night as well."""
    found = await notification_preferences.put(session, caller, body)
    return PreferencesAnswer.of(found)
