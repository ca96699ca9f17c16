"""Finding a street in an address as people write it, and loading the table."""

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Street
from models.role_grant import Role
from services import streets
from services.actor import SYSTEM, SYSTEM_ID, Actor, Via
from services.errors import Forbidden, ValidationFailed

TABLE = """name,district,latitude,longitude
Тверская улица,Тверской,55.765,37.605
1-я Тверская-Ямская улица,Тверской,55.773,37.591
улица Академика Королёва,Останкинский,55.822,37.62
Ленинский проспект,Якиманка,55.72,37.60
Ленинградский проспект,Аэропорт,55.79,37.55
Садовая улица,Внуково,55.60,37.28
Садовая улица,Щербинка,55.50,37.56
Парковая 9-я улица,Измайлово,55.79,37.79
улица Арбат,Арбат,55.75,37.59
"""


@pytest.fixture(autouse=True)
async def _table(session: AsyncSession) -> None:
    await streets.load_streets(session, SYSTEM, TABLE.splitlines())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Тверская улица, 12", "Тверская улица"),
        ("ул. Тверская, д. 12, кв. 5", "Тверская улица"),
        ("г. Москва, Тверская ул., дом 12 корп. 1", "Тверская улица"),
        ("Россия, Москва, тверская 12/3", "Тверская улица"),
        ("1-я Тверская-Ямская, 8", "1-я Тверская-Ямская улица"),
        ("ул Академика Королева 15к2", "улица Академика Королёва"),
        ("Акад. Королёва, 15", "улица Академика Королёва"),
        ("Ленинский пр-т 40", "Ленинский проспект"),
        ("ленинградский пр-кт, 66", "Ленинградский проспект"),
        ("Ленинградскй проспект 5", "Ленинградский проспект"),
        ("9-я Парковая, 20", "Парковая 9-я улица"),
        ("Арбат, 10", "улица Арбат"),
        ("подъезд 3, Арбат 10", "улица Арбат"),
        ("Неведомая улица, 3", None),
        ("Сад, 5", None),
        ("12", None),
        ("", None),
        ("улица", None),
        ("\0" * 5000, None),
    ],
)
async def test_finds_what_is_meant(
    session: AsyncSession, text: str, name: str | None
) -> None:
    found = await streets.find_street(session, text)
    assert (found and found.name) == name


async def test_the_district_decides_between_twins(session: AsyncSession) -> None:
    for district in ("Внуково", "Щербинка"):
        found = await streets.find_street(session, f"{district}, ул. Садовая, 4")
        assert found is not None
        assert found.district == district


async def test_loading_again_updates_and_is_journalled(session: AsyncSession) -> None:
    line = "Тверская улица,Тверской,55.1,37.2"
    count = await streets.load_streets(
        session, SYSTEM, ["name,district,latitude,longitude", line, line]
    )
    assert count == 1
    query = select(Street).where(col(Street.name) == "Тверская улица")
    street = (await session.exec(query)).one()
    await session.refresh(street)
    assert (street.latitude, street.longitude) == (55.1, 37.2)
    journal = select(AuditEvent).where(col(AuditEvent.action) == "street.loaded")
    assert [row.data["count"] for row in await session.exec(journal)] == [9, 1]


async def test_an_empty_table_loads_nothing(session: AsyncSession) -> None:
    header = ["name,district,latitude,longitude"]
    assert await streets.load_streets(session, SYSTEM, header) == 0


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "name, district, latitude, longitude"),
        (["name,latitude,longitude", "А,1,2"], "district"),
        (["name,district,latitude,longitude", ",Б,1,2"], "2"),
        (["name,district,latitude,longitude", "А,Б,91,2"], "latitude"),
        (["name,district,latitude,longitude", "А,Б,1,nan"], "longitude"),
        (["name,district,latitude,longitude", "А,Б,много,2"], "latitude"),
        (["name,district,latitude,longitude", "А,Б"], "latitude"),
        (["name,district,latitude,longitude", "А" * 161 + ",Б,1,2"], "160"),
        (["name,district,latitude,longitude", '"А'], "1"),
        (["name,district,latitude,longitude", "А" * 200_000 + ",Б,1,2"], "CSV"),
    ],
)
async def test_wrong_files_are_refused_whole(
    session: AsyncSession, lines: list[str], told: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await streets.load_streets(session, SYSTEM, lines)
    assert told in refused.value.message


async def test_at_most_twenty_wrong_lines_are_told(session: AsyncSession) -> None:
    lines = ["name,district,latitude,longitude", *["А,Б,x,2"] * 50]
    with pytest.raises(ValidationFailed) as refused:
        await streets.load_streets(session, SYSTEM, lines)
    errors = refused.value.public_facts["errors"]
    assert len(errors) == streets.ERRORS_TOLD
    assert errors[0]["line"] == 2


async def test_only_maintenance_may_load(session: AsyncSession) -> None:
    curator = Actor(SYSTEM_ID, Role.CURATOR, Via.CONSOLE)
    with pytest.raises(Forbidden):
        await streets.load_streets(session, curator, TABLE.splitlines())
