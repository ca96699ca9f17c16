"""Tariffs: who gets how much of a price, to the kopeck, and which version counts."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, ClinicProfile, Role, Tariff, User
from services import clock, tariffs
from services.actor import Actor
from services.errors import Forbidden, NotFound, ValidationFailed
from services.tariffs import TariffInput, share
from tests import factories
from tests.conftest import settle
from tests.factories import as_staff


async def finance(session: AsyncSession) -> Actor:
    return as_staff(await factories.person(session, Role.FINANCE), Role.FINANCE)


def tariff(points: int, fixed: int = 0) -> Tariff:
    return Tariff(share_points=points, fixed_kopecks=fixed)


@pytest.mark.parametrize(
    ("points", "fixed", "price", "theirs"),
    [
        (7000, 0, 450_000, 315_000),
        (7000, 0, 0, 0),
        (10_000, 0, 1, 1),
        (0, 0, 450_000, 0),
        (5000, 0, 1, 1),
        (4999, 0, 1, 0),
        (3333, 0, 10_000, 3333),
        (5000, 0, 3, 2),
        (0, 5000, 450_000, 5000),
        (0, 5000, 4999, 4999),
        (10_000, 1, 450_000, 450_000),
        (7000, 200_000, 450_000, 450_000),
    ],
)
def test_a_share_is_rounded_half_up_and_never_above_the_price(
    points: int, fixed: int, price: int, theirs: int
) -> None:
    assert share(tariff(points, fixed), price) == theirs


@given(
    st.integers(0, 10_000),
    st.integers(0, 10_000_000),
    st.integers(0, 100_000_000),
    st.integers(0, 100_000_000),
)
def test_later_extras_bring_what_they_would_have_brought_at_once(
    points: int, fixed: int, price: int, extras: int
) -> None:
    line = tariff(points, fixed)
    first, later = share(line, price), share(line, price + extras) - share(line, price)
    assert 0 <= first <= price
    assert 0 <= later <= extras


class TestWhichVersionCounts:
    """Doctor before clinic before all; then the newest that was valid."""

    async def test_the_house_begins_with_seventy_of_a_hundred(
        self, session: AsyncSession
    ) -> None:
        now = await clock.now(session)
        found = await tariffs.current(session, factories.nobody(), None, now)
        assert (found.share_points, found.fixed_kopecks) == (7000, 0)

    async def test_the_closest_line_wins(self, session: AsyncSession) -> None:
        actor, doctor = await finance(session), await factories.doctor(session)
        clinic, other = await factories.clinic(session), await factories.doctor(session)
        for_clinic = await publish(session, actor, 6000, clinic_id=clinic.id)
        for_doctor = await publish(session, actor, 8000, doctor_id=doctor.id)
        for_all = await publish(session, actor, 5000)
        now = await clock.now(session)
        for who, where, line in (
            (doctor, clinic, for_doctor),
            (doctor, None, for_doctor),
            (other, clinic, for_clinic),
            (other, None, for_all),
        ):
            found = await current(session, who, where)
            assert found.id == line.id
        earlier = now - timedelta(hours=1)
        before = await tariffs.current(session, doctor.id, clinic.id, earlier)
        assert before.share_points == 7000

    async def test_the_newest_of_equals_wins_from_its_moment_on(
        self, session: AsyncSession
    ) -> None:
        actor, doctor = await finance(session), await factories.doctor(session)
        now = await clock.now(session)
        first = await publish(session, actor, 6000, doctor_id=doctor.id)
        then = now + timedelta(days=1)
        second = await publish(
            session, actor, 6500, doctor_id=doctor.id, valid_from=then
        )
        third = await publish(
            session, actor, 6600, doctor_id=doctor.id, valid_from=then
        )
        assert second.valid_from == third.valid_from == then
        assert (await current(session, doctor, None)).id == first.id
        found = await tariffs.current(session, doctor.id, None, then)
        assert found.id == third.id


async def current(
    session: AsyncSession, doctor: User, clinic: ClinicProfile | None
) -> Tariff:
    now = await clock.now(session)
    return await tariffs.current(session, doctor.id, clinic.id if clinic else None, now)


async def publish(
    session: AsyncSession, actor: Actor, points: int, **facts: object
) -> Tariff:
    new = TariffInput(share_points=points, **facts)  # type: ignore[arg-type]
    return await tariffs.publish(session, actor, new)


class TestPublishing:
    """Finance adds versions; nobody changes one."""

    async def test_it_is_journalled_and_listed(self, session: AsyncSession) -> None:
        actor = await finance(session)
        made = await publish(session, actor, 6500, fixed_kopecks=100)
        await settle(session)
        listed = await tariffs.listing(session, actor)
        assert [each.share_points for each in listed] == [6500, 7000]
        query = select(AuditEvent).where(col(AuditEvent.object_id) == made.id)
        line = (await session.exec(query)).one()
        assert line.action == "tariff.published"
        assert (line.data["share_points"], line.data["fixed_kopecks"]) == (6500, 100)

    async def test_the_past_stays_as_it_was(self, session: AsyncSession) -> None:
        actor, now = await finance(session), await clock.now(session)
        with pytest.raises(ValidationFailed):
            await publish(session, actor, 1, valid_from=now - timedelta(seconds=1))

    async def test_it_is_for_one_of_them_and_for_somebody_known(
        self, session: AsyncSession
    ) -> None:
        actor, doctor = await finance(session), await factories.doctor(session)
        clinic = await factories.clinic(session)
        with pytest.raises(ValidationFailed):
            await publish(session, actor, 1, doctor_id=doctor.id, clinic_id=clinic.id)
        for unknown in ("doctor_id", "clinic_id"):
            with pytest.raises(NotFound):
                await publish(session, actor, 1, **{unknown: factories.nobody()})

    @pytest.mark.parametrize("points", [-1, 10_001, 7000.0, "7000", True])
    def test_a_share_is_a_whole_number_of_basis_points(self, points: object) -> None:
        with pytest.raises(ValueError, match="share_points"):
            TariffInput(share_points=points)  # type: ignore[arg-type]

    async def test_nobody_sets_their_own(self, session: AsyncSession) -> None:
        doctor = await factories.doctor(session)
        own = as_staff(doctor, Role.FINANCE)
        with pytest.raises(Forbidden):
            await publish(session, own, 10_000, doctor_id=doctor.id)

    @pytest.mark.parametrize("role", [Role.DISPATCHER, Role.CURATOR, Role.ADMIN])
    async def test_only_finance_publishes_and_lists(
        self, session: AsyncSession, role: Role
    ) -> None:
        actor = as_staff(await factories.person(session, role), role)
        with pytest.raises(Forbidden):
            await publish(session, actor, 1)
        with pytest.raises(Forbidden):
            await tariffs.listing(session, actor)
