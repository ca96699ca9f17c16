"""The price list."""

from datetime import time
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, enum_type, one_of
from models.booking_words import CallType
from models.specialization import Specialization


class PriceKind(StrEnum):
    """A visit is quoted at booking; an extra is added by the doctor on site."""

    VISIT = "visit"
    EXTRA = "extra"


class PriceItem(Table, table=True):
    """One line: what a visit of this kind costs at this time of day, in kopecks.

    The time of day is Moscow time, `starts` included and `ends` not; a line whose
    `ends` is not after its `starts` runs over midnight, and equal ends mean the
    whole day. Without a specialization the line serves all of them.
    """

    __tablename__ = "price_item"
    __table_args__ = (
        one_of("kind", PriceKind),
        one_of("call_type", CallType, nullable=True),
        one_of("specialization", Specialization, nullable=True),
        sa.CheckConstraint("price_kopecks BETWEEN 0 AND 100000000", name="price_range"),
        sa.CheckConstraint("vat_code BETWEEN 1 AND 12", name="vat_code_known"),
        sa.CheckConstraint(
            "(kind = 'visit') = (call_type IS NOT NULL)", name="visit_has_call_type"
        ),
    )

    kind: PriceKind = Field(default=PriceKind.VISIT, sa_type=enum_type(PriceKind))
    title_ru: str = Field(max_length=200)
    title_en: str = Field(max_length=200)
    call_type: CallType | None = Field(default=None, sa_type=enum_type(CallType))
    specialization: Specialization | None = Field(
        default=None, sa_type=enum_type(Specialization)
    )
    starts: time = Field(default=time(0, 0))
    ends: time = Field(default=time(0, 0))
    price_kopecks: int = Field(sa_type=sa.BigInteger)
    vat_code: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    active: bool = Field(default=True)
