"""The money of the demo's past is the same here and at the local provider."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from models import Payment, ReconIssue
from sandbox import seed
from services import invariants, recon, recon_marks
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests.paying import paid_through
from tests.yookassa_server import yookassa


@pytest.fixture
def small(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> Settings:
    """A demo of four days in a folder of its own."""
    sizes = {"DAYS": 4, "DOCTORS": 120, "PATIENTS": 80, "WALKED": 60}
    for name, value in sizes.items():
        monkeypatch.setattr(seed, name, value)
    return settings.model_copy(update={"data_dir": tmp_path})


async def test_both_sides_agree_from_the_start(
    sessions: Sessions, small: Settings
) -> None:
    await seed.seed(small)
    state = str(small.data_dir / seed.YOOKASSA_STATE)
    with yookassa(state=state) as provider, paid_through(provider, small):
        await recon.hourly(sessions)
        await recon.daily(sessions)
    async with transaction(sessions) as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Payment))
        assert list(await session.scalars(sa.select(ReconIssue.subject))) == []
        names = {each.name for each in await recon_marks.every(session)}
        assert names == {recon.HOURLY, recon.DAILY}
        assert await invariants.check(session) == []
