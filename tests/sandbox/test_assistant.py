"""The simulated dispatcher leaves to clinics what was handed to them."""

from fastapi import FastAPI

from models import Role
from sandbox.assistant import CLINIC
from services import bookings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import signed_in


async def test_the_sign_of_a_clinic_is_on_its_calls_alone(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.DISPATCHER)
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
        free, handed = [await factories.booking(session) for _ in range(2)]
        staff = factories.as_staff(browser.user)
        await bookings.hand_to_clinic(session, staff, handed.id, clinic.id, 1)
    board = (await browser.get("/board/snapshot")).json()
    signs = {call["id"]: CLINIC in call["html"] for call in board["calls"]}
    assert signs == {str(free.id): False, str(handed.id): True}
