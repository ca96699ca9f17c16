"""Who saw a patient: complete, about nobody else, and harmless in a spreadsheet."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import AuditEvent, User
from models.document import DocumentKind
from services import applications, csv_export
from services.database import Sessions
from services.edges import transaction
from services.sensitive_reads import journal_read
from tests import factories
from tests.applicants import facts
from tests.backoffice.browser import Browser


async def reads(
    sessions: Sessions, reader: User, *objects: tuple[str, object, str]
) -> None:
    async with transaction(sessions) as session:
        actor = factories.as_staff(reader)
        for kind, key, group in objects:
            await journal_read(session, actor, kind, key, group)


async def test_calls_claimed_accounts_and_documents_count_and_others_do_not(
    sessions: Sessions, admin: Browser, dispatcher: Browser
) -> None:
    async with transaction(sessions) as session:
        patient, other = (
            await factories.patient(session),
            await factories.patient(session),
        )
        old = await factories.patient(session, phone=None, merged_into=patient.id)
        own = factories.as_patient(patient)
        await applications.save(session, own, await facts(session))
        call = await factories.booking(session, patient)
        strange = await factories.booking(session, other)
        paper = await factories.document(session, patient, DocumentKind.PASSPORT)
    name = dispatcher.user.full_name
    await reads(
        sessions,
        dispatcher.user,
        ("user", patient.id, "patient"),
        ("user", old.id, "patient"),
        ("booking", call.id, "card"),
        ("document", paper.id, "document"),
        ("booking", strange.id, "card"),
        ("user", other.id, "patient"),
    )
    page = await admin.page(f"/users/{patient.id}/access")
    assert page.count(f'<td class="">{name}</td>') == 4
    assert call.label in page
    assert strange.label not in page
    assert page.count("Этот отчёт") == 1
    assert "Кто смотрел данные пациента" in await admin.page(
        f"/users/details/{patient.id}"
    )


async def test_the_days_asked_for_bound_the_report(
    sessions: Sessions, admin: Browser, dispatcher: Browser
) -> None:
    async with transaction(sessions) as session:
        patient = await factories.patient(session)
    await reads(sessions, dispatcher.user, ("user", patient.id, "patient"))
    here, today = f"/users/{patient.id}/access", datetime.now(UTC).date()
    name = dispatcher.user.full_name
    later = today + timedelta(days=3)
    assert name not in await admin.page(f"{here}?since={later}")
    assert name not in await admin.page(f"{here}?until={today - timedelta(days=3)}")
    for odd in ("nonsense", "0001-01-01", "9999-12-31", ""):
        assert name in await admin.page(f"{here}?since={odd}&until={odd}")


async def test_the_file_holds_the_same_lines_and_no_formula(
    sessions: Sessions, admin: Browser, dispatcher: Browser
) -> None:
    async with transaction(sessions) as session:
        patient = await factories.patient(session)
        reader = await session.get_one(User, dispatcher.user.id)
        reader.last_name = '=HYPERLINK("https://evil.example")'
    await reads(sessions, dispatcher.user, ("user", patient.id, "patient"))
    answer = await admin.get(f"/users/{patient.id}/access.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.text.startswith(csv_export.MARK)
    rows = list(csv.reader(io.StringIO(answer.text[1:]), delimiter=";"))
    assert rows[0][1] == "Кто"
    assert any(row[1].startswith("'=HYPERLINK") for row in rows[1:])
    async with transaction(sessions) as session:
        query = sa.select(col(AuditEvent.action)).where(
            col(AuditEvent.actor_id) == admin.user.id
        )
        assert "read.access" in (await session.scalars(query)).all()


async def test_nobody_is_not_found(admin: Browser) -> None:
    assert (await admin.get(f"/users/{factories.nobody()}/access")).status_code == 404
    assert (await admin.get("/users/x/access")).status_code == 404


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+7916",
        "-1",
        "@SUM(A1)",
        "\t=1",
        " =1",
        "\r=1",
        "＝1",
        "\u200b=1",
        "\ufeff=1",
        "\x00=1",
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_disarmed(cell: str) -> None:
    assert csv_export.disarmed(cell) == "'" + cell


def test_plain_cells_stay_as_they_are() -> None:
    cells = ("Орлов", 12, None, "a=b", 'в "кавычках"; и дальше')
    told = next(csv.reader(io.StringIO(csv_export.line(cells)), delimiter=";"))
    assert told == ["Орлов", "12", "", "a=b", 'в "кавычках"; и дальше']
