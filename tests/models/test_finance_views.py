"""What finance reads of the database: views, mapped as they are, without any words."""

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

import models.payment_finance
import models.refund_finance
import models.withdrawal_finance
from models.booking_finance import ViewBase

MAPPED = sorted(each.class_.__tablename__ for each in ViewBase.registry.mappers)
# What patients, doctors and dispatchers write, and what would tell who somebody is.
HIDDEN = {
    "symptoms",
    "notes",
    "comment",
    "cancel_comment",
    "subject_name",
    "address",
    "request_body",
    "return_url",
    "first_name",
    "last_name",
    "phone",
    "email",
    "patient_id",
    "payer_id",
    "user_id",
}


@pytest.mark.parametrize("name", MAPPED)
async def test_a_view_is_mapped_as_it_is_and_holds_no_words_of_people(
    session: AsyncSession, name: str
) -> None:
    columns = sa.text(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = :name AND table_schema = current_schema()"
    )
    found = set((await session.scalars(columns, {"name": name})).all())
    [mapper] = [
        each for each in ViewBase.registry.mappers if each.class_.__tablename__ == name
    ]
    assert {column.name for column in mapper.columns} == found
    assert found & HIDDEN == set()
    await session.execute(sa.select(mapper.class_).limit(1))


def test_every_desk_reads_a_view() -> None:
    assert {
        models.payment_finance.PaymentFinance.__tablename__,
        models.refund_finance.RefundFinance.__tablename__,
        models.withdrawal_finance.WithdrawalFinance.__tablename__,
    } <= set(MAPPED)
