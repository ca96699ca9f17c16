"""Each hole of stock sqladmin: shown open there first, then closed in our console."""

import re
from collections.abc import AsyncIterator
from datetime import time
from typing import Any, ClassVar

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqladmin import Admin, ModelView, action
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlmodel import col
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from backoffice.flush_guard import ProtectedColumn, console_sessions
from backoffice.tables import TableView
from models import ClinicProfile, PriceItem, Role, RoleGrant, Setting, User
from models.base import uuid7
from models.booking_words import CallType
from services.database import Sessions, make_sessions
from services.edges import transaction
from services.plain_tables import PLAIN
from tests import factories
from tests.backoffice.browser import OURS, Browser

CROSS = {"sec-fetch-site": "cross-site", "origin": "http://evil.example"}


class StockPrices(ModelView, model=PriceItem):
    form_args: ClassVar[dict[str, Any]] = {"title_ru": {"validators": []}}

    @action(name="raise")
    async def raise_prices(self, request: Request) -> Response:
        async with self.session_maker() as session:
            await session.execute(
                sa.update(PriceItem).values(price_kopecks=PriceItem.price_kopecks + 1)
            )
            await session.commit()
        return PlainTextResponse("raised")


class StockClinics(ModelView, model=ClinicProfile):
    """Scoped as the documentation says, yet deletes what lies outside the scope."""

    column_searchable_list: ClassVar[list[Any]] = ["name"]

    def details_query(self, request: Request) -> Any:
        return super().details_query(request).where(col(ClinicProfile.active))


@pytest_asyncio.fixture(loop_scope="session")
async def stock(engine: AsyncEngine, sessions: Sessions) -> AsyncIterator[AsyncClient]:
    """sqladmin as it comes out of the box."""
    app = FastAPI()
    admin = Admin(app, session_maker=make_sessions(engine))
    for view in (StockPrices, StockClinics):
        admin.add_view(view)
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://testserver") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def price(sessions: Sessions) -> PriceItem:
    async with transaction(sessions) as session:
        return await factories.price(session, title_ru="pyproject.toml")


async def now_costs(sessions: Sessions) -> int:
    async with transaction(sessions) as session:
        return await session.scalar(sa.select(col(PriceItem.price_kopecks))) or 0


def price_form(**changes: str) -> dict[str, str]:
    return {
        "kind": "visit",
        "call_type": "urgent",
        "title_ru": "Вызов",
        "title_en": "Visit",
        "specialization": "",
        "price_kopecks": "4500",
        "starts": "08:00",
        "ends": "20:00",
        "active": "y",
    } | changes


async def test_a_link_on_another_site_cannot_run_an_action(
    stock: AsyncClient, admin: Browser, price: PriceItem, sessions: Sessions
) -> None:
    path = f"/admin/price-item/action/raise?pks={price.id}"
    assert (await stock.get(path, headers=CROSS)).text == "raised"
    assert await now_costs(sessions) == price.price_kopecks + 1

    for view in admin_views(admin):
        assert not getattr(view, "_custom_actions_in_list", None)
        assert not getattr(view, "_custom_actions_in_detail", None)
    assert "/action/" not in " ".join(paths_of(admin))


async def test_a_form_on_another_site_cannot_write(
    stock: AsyncClient, admin: Browser, price: PriceItem, sessions: Sessions
) -> None:
    stolen = {"name": "Чужая", "active": "y"}
    there = await stock.post("/admin/clinic-profile/create", data=stolen, headers=CROSS)
    assert there.status_code == 302
    here = await admin.client.post("/admin/clinics/create", data=stolen, headers=CROSS)
    assert here.status_code == 403


async def test_no_column_serves_a_file(
    stock: AsyncClient, admin: Browser, price: PriceItem
) -> None:
    there = await stock.get(f"/admin/price-item/{price.id}/title_ru/download/")
    assert there.status_code == 200
    assert "[tool.ruff]" in there.text
    for kind in ("download", "preview"):
        here = await admin.get(f"/prices/{price.id}/title_ru/{kind}/")
        assert here.status_code == 404


async def test_a_scoped_view_cannot_delete_outside_its_scope(
    stock: AsyncClient, sessions: Sessions, admin: Browser
) -> None:
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
        clinic.active = False
    outside = f"/admin/clinic-profile/delete?pks={clinic.id}"
    assert (await stock.delete(outside)).status_code == 200
    async with transaction(sessions) as session:
        assert await session.get(ClinicProfile, clinic.id) is None
        other = await factories.clinic(session)
    here = await admin.client.delete(
        f"/admin/clinics/delete?pks={other.id}",
        headers=OURS | {"x-csrf-token": admin.csrf},
    )
    assert here.status_code == 403


async def test_checks_of_a_missing_row_say_no() -> None:
    stock_answer = await ModelView.check_can_delete(
        StockClinics(), Request({"type": "http"}), None
    )
    assert stock_answer is True

    class Clinics(TableView, model=ClinicProfile):
        can_delete = can_edit = can_view_details = True

        def row_allowed(self, request: Request, row: Any) -> bool:
            return bool(row.active)

        def has_permission(self, *_: Any, **__: Any) -> bool:
            return True

    view, request = Clinics(), Request({"type": "http"})
    checks = (view.check_can_delete, view.check_can_edit, view.check_can_view_details)
    for check in checks:
        assert await check(request, None) is False
        assert await check(request, ClinicProfile(name="x", active=False)) is False
        assert await check(request, ClinicProfile(name="x", active=True)) is True


async def test_errors_show_no_sql_and_no_row(
    stock: AsyncClient, admin: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        known = await factories.clinic(session)
    there = await stock.post(
        "/admin/clinic-profile/create", data={"name": known.name, "active": "y"}
    )
    assert "INSERT INTO" in there.text
    assert "DETAIL" in there.text
    here = await admin.post("/clinics/create", name=known.name, active="y")
    assert here.status_code == 400
    assert not re.search("INSERT|DETAIL|uq_|psycopg", here.text)


async def test_text_in_the_address_is_not_echoed_as_an_error(
    stock: AsyncClient, admin: Browser, price: PriceItem
) -> None:
    said = "?error=Transfer+all+money"
    assert (
        "Transfer all money" in (await stock.get(f"/admin/price-item/list{said}")).text
    )
    assert "Transfer all money" not in await admin.page(f"/prices/list{said}")


@pytest.mark.parametrize("path", ["details", "edit"])
async def test_a_malformed_id_is_not_found(
    stock: AsyncClient, admin: Browser, path: str
) -> None:
    assert (await stock.get(f"/admin/clinic-profile/{path}/1'")).status_code == 500
    assert (await admin.get(f"/clinics/{path}/1'")).status_code == 404


async def test_a_nul_in_the_search_is_no_crash(
    stock: AsyncClient, admin: Browser
) -> None:
    there = await stock.get("/admin/clinic-profile/list?search=%00x")
    assert there.status_code == 500
    assert (await admin.get("/clinics/list?search=%00x")).status_code == 200


async def test_a_long_list_is_not_counted_to_its_end(
    stock: AsyncClient, admin: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        for _ in range(30):
            await factories.clinic(session)
    assert "of 30" in (await stock.get("/admin/clinic-profile/list")).text
    view = next(v for v in admin_views(admin) if v.identity == "clinics")
    type(view).count_cap = lambda *_: 27
    try:
        page = await admin.page("/clinics/list?page=2")
    finally:
        del type(view).count_cap
    assert "26–30 из более 27" in page


async def test_an_untouched_save_keeps_an_enumeration(
    stock: AsyncClient, admin: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        row = await factories.price(session, call_type=CallType.SCHEDULED)
    there = await stock.get(f"/admin/price-item/edit/{row.id}")
    select = there.text.split('name="call_type"')[1].split("</select>")[0]
    assert "selected" not in select
    here = await admin.page(f"/prices/edit/{row.id}")
    select = here.split('name="call_type"')[1].split("</select>")[0]
    assert '<option selected value="scheduled"' in select


async def test_forms_do_not_gather_validators(
    stock: AsyncClient, admin: Browser
) -> None:
    for _ in range(4):
        await stock.get("/admin/price-item/create")
    assert len(StockPrices.form_args["title_ru"]["validators"]) > 3
    view = next(v for v in admin_views(admin) if v.identity == "prices")
    before = len(view.form_args["title_ru"]["validators"])
    for _ in range(4):
        await admin.get("/prices/create")
    assert len(view.form_args["title_ru"]["validators"]) == before


async def test_stock_routes_that_write_or_export_are_gone(
    stock: AsyncClient, admin: Browser
) -> None:
    assert (await stock.get("/admin/price-item/export/csv")).status_code == 200
    assert (await admin.get("/prices/export/csv")).status_code == 404
    assert (await admin.get("/prices/ajax/lookup?name=x&term=y")).status_code == 404
    assert (await admin.post("/prices/import")).status_code == 404
    names = {getattr(route, "name", "") for route in admin_app(admin).router.routes}
    assert not names & {"export", "import", "ajax_lookup", "file_download"}
    for view in admin_views(admin):
        for flag in ("can_delete", "can_export", "can_import"):
            assert not getattr(view, flag, False), view


async def test_the_sessions_of_services_keep_their_settings(
    engine: AsyncEngine, admin: Browser
) -> None:
    given = async_sessionmaker(engine)
    Admin(FastAPI(), session_maker=given)
    assert given.kw["autoflush"] is False
    ours = admin.client._transport.app.state.sessions  # type: ignore[attr-defined]
    assert ours.kw.get("autoflush", True) is True


@pytest.mark.parametrize(
    "write",
    [
        lambda: User(first_name="А", last_name="Б", email="x@example.org"),
        lambda: RoleGrant(user_id=uuid7(), role=Role.ADMIN, granted_by=uuid7()),
        lambda: Setting(key="sla.high.red", value=1),
    ],
    ids=["user", "grant", "setting"],
)
async def test_consoles_sessions_write_no_protected_table(
    engine: AsyncEngine, sessions: Sessions, write: Any
) -> None:
    async with console_sessions(engine)() as session:
        session.add(write())
        with pytest.raises(ProtectedColumn):
            await session.flush()


async def test_consoles_sessions_change_and_delete_nothing_protected(
    engine: AsyncEngine, sessions: Sessions, price: PriceItem
) -> None:
    async with console_sessions(engine)() as session:
        row = await session.get_one(PriceItem, price.id)
        row.price_kopecks, row.starts = 1, time(9)
        await session.flush()
        row.id = uuid7()
        with pytest.raises(ProtectedColumn):
            await session.flush()
    async with console_sessions(engine)() as session:
        await session.delete(await session.get_one(PriceItem, price.id))
        with pytest.raises(ProtectedColumn):
            await session.flush()


async def test_protected_columns_are_in_no_form(admin: Browser) -> None:
    writing = [
        view
        for view in admin_views(admin)
        if getattr(view, "can_create", False) or getattr(view, "can_edit", False)
    ]
    assert {view.model for view in writing} == set(PLAIN)
    for view in writing:
        assert set(view._form_prop_names) <= PLAIN[view.model].columns
        fields = (await view.scaffold_form())._unbound_fields
        assert fields is None or len(fields) == len(view.form_columns)


async def test_every_column_has_a_label(admin: Browser) -> None:
    for view in admin_views(admin):
        shown = {*getattr(view, "cells", ()), *getattr(view, "facts", ())}
        shown |= {*getattr(view, "form_columns", ())}
        assert shown <= set(getattr(view, "column_labels", shown)), view.identity


def admin_app(browser: Browser) -> Any:
    app: Any = browser.client._transport.app  # type: ignore[attr-defined]
    return app.state.console.admin


def admin_views(browser: Browser) -> list[Any]:
    app: Any = browser.client._transport.app  # type: ignore[attr-defined]
    return list(app.state.console.views)


def paths_of(browser: Browser) -> list[str]:
    return [getattr(route, "path", "") for route in admin_app(browser).router.routes]
