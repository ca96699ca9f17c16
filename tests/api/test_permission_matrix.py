"""Every route × every kind of caller, by a table written by hand.

A route that the table lacks fails the build. The pages of the console have their
own table, beside their tests.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from api.app import ROUTERS
from models.booking import Status
from services import bookings, chat
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import signed_in
from tests.api.test_addresses import DOOR
from tests.api.test_profiles import FACTS

# Who calls: nobody; staff with a token that they cannot get; the patient whose
# booking and address it is, another patient; the doctor whose visit it is, another
# doctor; the manager of the clinic that has the call, of another clinic.
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
CALLERS = (
    "nobody",
    "staff",
    "patient",
    "other_patient",
    "doctor",
    "other_doctor",
    "clinic",
    "other_clinic",
)
# u: 401, f: 403, n: 404, +: neither of these.
PUBLIC = "++ ++ ++ ++"
ANY_TOKEN = "uu ++ ++ ++"
# Nobody of the scene has one, and each asks for their own alone.
WITHOUT_ONE = "uu nn nn nn"
AS_PATIENT, OWN_PATIENT = "uu ++ ff ff", "uu +n ff ff"
AS_DOCTOR, OWN_DOCTOR = "uu ff ++ ff", "uu ff +n ff"
NO_SUCH_DAY = "uu ff nn ff"
DOCTORS_PAPER = "uu nn +n nn"
AS_TELEGRAM = "uu ++ ++ ff"
# The patient whose call it is, and the doctor who has the visit.
TALKERS = "uu +n +n ff"
AS_CLINIC, OWN_CLINIC = "uu ff ff ++", "uu ff ff +n"

TABLE = {
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "POST /v1/auth/register": PUBLIC,
    "POST /v1/auth/login": PUBLIC,
    "POST /v1/auth/refresh": PUBLIC,
    "POST /v1/auth/logout": ANY_TOKEN,
    "POST /v1/auth/verifications": ANY_TOKEN,
    "POST /v1/auth/verifications/confirm": ANY_TOKEN,
    "POST /v1/auth/password-reset": PUBLIC,
    "POST /v1/auth/password-reset/confirm": PUBLIC,
    "PUT /v1/me/email": ANY_TOKEN,
    "POST /v1/me/email/confirm": ANY_TOKEN,
    "PUT /v1/me/phone": ANY_TOKEN,
    "POST /v1/me/phone/confirm": ANY_TOKEN,
    "GET /v1/me/sessions": ANY_TOKEN,
    "DELETE /v1/me/sessions/{session_id}": "uu nn nn nn",
    "GET /v1/me/doctor-application": WITHOUT_ONE,
    "POST /v1/me/doctor-application": ANY_TOKEN,
    "POST /v1/me/doctor-application/submit": WITHOUT_ONE,
    "POST /v1/me/doctor-application/withdraw": WITHOUT_ONE,
    "GET /v1/me/doctor-profile": AS_DOCTOR,
    "PUT /v1/me/doctor-profile": AS_DOCTOR,
    "GET /v1/me": ANY_TOKEN,
    "PATCH /v1/me": ANY_TOKEN,
    "PUT /v1/me/password": ANY_TOKEN,
    "GET /v1/me/patient-profile": AS_PATIENT,
    "PUT /v1/me/patient-profile": AS_PATIENT,
    "GET /v1/me/addresses": AS_PATIENT,
    "POST /v1/me/addresses": AS_PATIENT,
    "PUT /v1/me/addresses/{address_id}": OWN_PATIENT,
    "DELETE /v1/me/addresses/{address_id}": OWN_PATIENT,
    "POST /v1/bookings": AS_PATIENT,
    "GET /v1/bookings": AS_PATIENT,
    "GET /v1/bookings/{booking_id}": OWN_PATIENT,
    "GET /v1/bookings/{booking_id}/events": OWN_PATIENT,
    "PATCH /v1/bookings/{booking_id}": OWN_PATIENT,
    "POST /v1/bookings/{booking_id}/cancel": OWN_PATIENT,
    "GET /v1/bookings/{booking_id}/doctor-position": OWN_PATIENT,
    "POST /v1/bookings/{booking_id}/extra-consent": OWN_PATIENT,
    "GET /v1/bookings/{booking_id}/messages": TALKERS,
    "POST /v1/bookings/{booking_id}/messages": TALKERS,
    "GET /v1/bookings/{booking_id}/messages/{message_id}/file": TALKERS,
    "POST /v1/bookings/{booking_id}/messages/read": TALKERS,
    "GET /v1/bookings/{booking_id}/messages/unread": TALKERS,
    "POST /v1/bookings/{booking_id}/chat-ticket": TALKERS,
    "GET /v1/wallet": AS_PATIENT,
    "GET /v1/wallet/entries": AS_PATIENT,
    "POST /v1/wallet/withdrawal-requests": AS_PATIENT,
    "POST /v1/bookings/{booking_id}/refund-requests": OWN_PATIENT,
    "GET /v1/me/earnings": AS_DOCTOR,
    "POST /v1/bookings/{booking_id}/payments": OWN_PATIENT,
    "GET /v1/bookings/{booking_id}/payments": OWN_PATIENT,
    "GET /v1/payments/{payment_id}": OWN_PATIENT,
    "GET /v1/payments/{payment_id}/qr.svg": OWN_PATIENT,
    # Nobody who does not know the secret finds it.
    "POST /webhooks/yookassa/{path_secret}": "nn nn nn nn",
    "POST /webhooks/telegram": "nn nn nn nn",
    "GET /v1/visits": AS_DOCTOR,
    "GET /v1/visits/{booking_id}": OWN_DOCTOR,
    "POST /v1/visits/{booking_id}/accept": OWN_DOCTOR,
    "POST /v1/visits/{booking_id}/decline": OWN_DOCTOR,
    "POST /v1/visits/{booking_id}/depart": OWN_DOCTOR,
    "POST /v1/visits/{booking_id}/start": OWN_DOCTOR,
    "POST /v1/visits/{booking_id}/complete": OWN_DOCTOR,
    "POST /v1/visits/{booking_id}/cancel": OWN_DOCTOR,
    "POST /v1/visits/{booking_id}/flag": OWN_DOCTOR,
    "PUT /v1/me/duty": AS_DOCTOR,
    "GET /v1/me/working-plan": AS_DOCTOR,
    "PUT /v1/me/working-plan": AS_DOCTOR,
    "PUT /v1/me/working-plan/days/{day}": AS_DOCTOR,
    "DELETE /v1/me/working-plan/days/{day}": NO_SUCH_DAY,
    "PUT /v1/me/position": AS_DOCTOR,
    "POST /v1/me/doctor-application/documents": "uu nn ++ nn",
    "GET /v1/me/doctor-application/documents/{document_id}/file": DOCTORS_PAPER,
    "DELETE /v1/me/doctor-application/documents/{document_id}": DOCTORS_PAPER,
    "GET /v1/me/export": ANY_TOKEN,
    "DELETE /v1/me": ANY_TOKEN,
    "POST /v1/me/telegram-link": AS_TELEGRAM,
    "GET /v1/me/telegram-link": AS_TELEGRAM,
    "POST /v1/me/telegram-link/confirm": AS_TELEGRAM,
    "DELETE /v1/me/telegram-link": "uu nn nn ff",
    "GET /v1/me/notifications": ANY_TOKEN,
    "PUT /v1/me/notifications": ANY_TOKEN,
    "GET /v1/consent-texts": PUBLIC,
    "GET /v1/me/consents": ANY_TOKEN,
    "POST /v1/me/consents": ANY_TOKEN,
    "DELETE /v1/me/consents/{kind}": "uu nn nn nn",
    "GET /v1/doctors": ANY_TOKEN,
    "GET /v1/price-list": PUBLIC,
    "GET /v1/clinic": AS_CLINIC,
    "GET /v1/clinic/doctors": AS_CLINIC,
    "GET /v1/clinic/bookings": AS_CLINIC,
    "GET /v1/clinic/visits": AS_CLINIC,
    "POST /v1/clinic/bookings/{booking_id}/assign": OWN_CLINIC,
}

BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/auth/verifications": {"channel": "email"},
    "POST /v1/auth/verifications/confirm": {"channel": "email", "code": "123456"},
    "POST /v1/auth/password-reset": {"login": "nobody@example.org"},
    "PUT /v1/me/email": {
        "email": "next@example.org",
        "current_password": "correct horse",
    },
    "POST /v1/me/email/confirm": {"code": "123456"},
    "PUT /v1/me/phone": {"phone": "+79160009999", "current_password": "correct horse"},
    "POST /v1/me/phone/confirm": {"code": "123456"},
    "PATCH /v1/me": {"first_name": "Ольга"},
    "PUT /v1/me/password": {
        "current_password": "correct horse",
        "new_password": "another horse battery",
    },
    "PUT /v1/me/working-plan": {"week": [], "duty_by_plan": False},
    "PUT /v1/me/working-plan/days/{day}": {},
    "PUT /v1/me/doctor-profile": {"about": "Принимаю по ночам", "education": "РНИМУ"},
    "PUT /v1/me/patient-profile": FACTS,
    "POST /v1/me/addresses": DOOR,
    "PUT /v1/me/addresses/{address_id}": DOOR,
    "POST /v1/bookings": {
        "call_type": "urgent",
        "symptoms": "Температура",
        "address": {"text": "Арбат, 10"},
    },
    "PATCH /v1/bookings/{booking_id}": {"version": 1, "symptoms": "Кашель"},
    "POST /v1/bookings/{booking_id}/cancel": {"reason": "Передумали"},
    "POST /v1/bookings/{booking_id}/messages": {"text": "Здравствуйте"},
    "POST /v1/bookings/{booking_id}/messages/read": {"up_to_seq": 1},
    "POST /v1/bookings/{booking_id}/payments": {"method": "wallet"},
    "POST /v1/bookings/{booking_id}/refund-requests": {"reason_code": "poor_service"},
    "POST /v1/wallet/withdrawal-requests": {"amount_kopecks": 100},
    "POST /v1/visits/{booking_id}/decline": {"reason": "Сломалась машина"},
    "POST /v1/visits/{booking_id}/complete": {
        "actual_minutes": 30,
        "conclusion": "ОРВИ",
    },
    "POST /v1/visits/{booking_id}/cancel": {"reason_code": "patient_absent"},
    "POST /v1/visits/{booking_id}/flag": {"flag": "needs_second_doctor"},
    "DELETE /v1/me": {"current_password": "wrong"},
    "POST /v1/me/consents": {"kind": "personal_data", "version": "1"},
    "PUT /v1/me/duty": {"on_duty": True},
    "PUT /v1/me/position": {"latitude": 55.7, "longitude": 37.6},
    "POST /v1/clinic/bookings/{booking_id}/assign": {
        "doctor_id": "the clinic's doctor",
        "version": 2,
    },
}


@dataclass
class Scene:
    """One booking with everybody around it, and everybody's headers."""

    booking_id: uuid.UUID
    clinic_booking_id: uuid.UUID
    address_id: uuid.UUID
    clinic_doctor_id: uuid.UUID
    document_id: uuid.UUID
    payment_id: uuid.UUID
    message_id: uuid.UUID
    headers: dict[str, dict[str, str]]

    def body(self, route: str) -> dict[str, Any] | None:
        """Give a body that is well-formed, so that the caller is judged, not it."""
        body = BODIES.get(route, {})
        if "doctor_id" in body:
            body = body | {"doctor_id": str(self.clinic_doctor_id)}
        return None if route.startswith("GET") else body


@pytest_asyncio.fixture(loop_scope="session")
async def scene(sessions: Sessions) -> Scene:
    async with transaction(sessions) as session:
        people = {
            "patient": await factories.patient(session),
            "other_patient": await factories.patient(session),
            "doctor": await factories.doctor(session),
            "other_doctor": await factories.doctor(session),
            "staff": await factories.dispatcher(session),
        }
        mine, other = await factories.clinic(session), await factories.clinic(session)
        people["clinic"] = await factories.clinic_manager(session, mine)
        people["other_clinic"] = await factories.clinic_manager(session, other)
        visit = await factories.booking_in(
            session,
            Status.ASSIGNED,
            doctor=people["doctor"],
            dispatcher=people["staff"],
            by=people["patient"],
        )
        handed = await factories.booking(session, people["patient"])
        staff = factories.as_staff(people["staff"])
        await bookings.hand_to_clinic(session, staff, handed.id, mine.id, 1)
        theirs = await factories.doctor(session, profile={"clinic_id": mine.id})
        address = await factories.saved_address(session, people["patient"])
        paper = await factories.document(session, people["doctor"])
        payment = await factories.open_payment(session, visit)
        picture = await chat.send(
            session,
            factories.as_patient(people["patient"]),
            visit.id,
            None,
            picture=factories.taken(),
        )
    headers = {name: await signed_in(sessions, user) for name, user in people.items()}
    headers["nobody"] = {}
    rows = (visit, handed, address, theirs, paper, payment, picture)
    return Scene(*(row.id for row in rows), headers)


def routes() -> set[str]:
    return {
        f"{method} {route.path}"  # type: ignore[attr-defined]
        for router in ROUTERS
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }


def test_the_table_has_every_route_and_no_other() -> None:
    assert set(TABLE) == routes()


@pytest.mark.parametrize("route", TABLE)
async def test_who_may_use_the_route(
    client: AsyncClient, scene: Scene, route: str
) -> None:
    method, path = route.split(" ")
    clinic = path.startswith("/v1/clinic")
    booking_id = scene.clinic_booking_id if clinic else scene.booking_id
    place = path.format(
        booking_id=booking_id,
        address_id=scene.address_id,
        document_id=scene.document_id,
        payment_id=scene.payment_id,
        message_id=scene.message_id,
        path_secret="guessed",
        session_id=factories.nobody(),
        kind="personal_data",
        day=TOMORROW,
    )
    expected = dict(zip(CALLERS, TABLE[route].replace(" ", ""), strict=True))
    found = {}
    # Those who are refused come first: whatever they did would show below.
    for caller in sorted(CALLERS, key=lambda each: expected[each] == "+"):
        answer = await client.request(
            method,
            place,
            headers=scene.headers[caller],
            json=scene.body(route),
        )
        # Nothing is set up for tests but the database.
        set_up = "health" not in path and "telegram" not in path
        assert answer.status_code < 500 or not set_up, answer.text
        found[caller] = {401: "u", 403: "f", 404: "n"}.get(answer.status_code, "+")
    assert found == expected


@pytest.mark.parametrize("route", [each for each in TABLE if "{" in each])
@pytest.mark.parametrize("bad", ["1", "x", "%27", "1e5", "null", "../1", "0" * 300])
async def test_malformed_ids_are_not_found(
    client: AsyncClient, scene: Scene, route: str, bad: str
) -> None:
    method, path = route.split(" ")
    for caller in ("patient", "doctor", "clinic"):
        answer = await client.request(
            method,
            re.sub(r"{\w+}", bad, path),
            headers=scene.headers[caller],
            json=scene.body(route),
        )
        assert answer.status_code in {403, 404, 405}
        assert answer.headers["content-type"] == "application/problem+json"
