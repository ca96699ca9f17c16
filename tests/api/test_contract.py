"""The OpenAPI document, tried out by a machine: no 5xx, nothing undeclared."""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import api_alone, signed_in
from tests.api.server import served
from tests.telegram_accounts import bot_set_up

pytestmark = pytest.mark.prove
MANY = 100 if os.environ.get("TOT_PROVE") else 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    unsupported_method,
]
ANYBODY, PATIENT, DOCTOR, CLINIC = "anybody", "patient", "doctor", "clinic"


@pytest.fixture(scope="module")
def address(settings: Settings, database_url: str) -> Iterator[str]:
    with bot_set_up(), served(api_alone(settings, database_url)) as base:
        yield base


@pytest_asyncio.fixture(loop_scope="session")
async def callers(sessions: Sessions) -> AsyncIterator[dict[str, dict[str, str]]]:
    """Somebody signed in for each role."""
    async with transaction(sessions) as session:
        # The service is ready as long as a worker shows life.
        await session.execute(
            sa.text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
        )
        people = {
            PATIENT: await factories.patient(session),
            DOCTOR: await factories.doctor(session),
            CLINIC: await factories.clinic_manager(
                session, await factories.clinic(session)
            ),
        }
    headers = {role: await signed_in(sessions, user) for role, user in people.items()}
    yield headers | {ANYBODY: {}}


def operations(document: dict[str, Any], address: str) -> list[Any]:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=address)
    found = [each.ok() for each in schema.get_all_operations()]
    # Signing out would leave the rest of the operations without a caller.
    return sorted(found, key=lambda each: "logout" in each.path)


@pytest.mark.parametrize("role", [ANYBODY, PATIENT, DOCTOR, CLINIC])
def test_no_input_breaks_an_operation(
    address: str,
    callers: dict[str, dict[str, str]],
    settings: Settings,
    database_url: str,
    role: str,
) -> None:
    document = api_alone(settings, database_url).openapi()
    tried, failures = 0, []
    for operation in operations(document, address):

        @examples(
            max_examples=MANY,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def attempt(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(headers=callers[role], checks=CHECKS)

        try:
            attempt()
        except BaseExceptionGroup as failure:
            failures.append(f"{operation.label}: {failure}")
    assert not failures, "\n\n".join(failures)
    assert tried > 100
