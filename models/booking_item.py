"""What a doctor did beyond the visit itself, each from the price list."""

import uuid

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table


class BookingItem(Table, table=True):
    """One item of a completed visit with the list's words and price of that day."""

    __tablename__ = "booking_item"
    __table_args__ = (
        sa.CheckConstraint("quantity BETWEEN 1 AND 100", name="quantity_range"),
        sa.CheckConstraint("price_kopecks >= 0", name="price_not_negative"),
        sa.CheckConstraint("vat_code BETWEEN 1 AND 12", name="vat_code_known"),
    )

    booking_id: uuid.UUID = Field(
        foreign_key="booking.id", ondelete="RESTRICT", index=True
    )
    price_item_id: uuid.UUID = Field(foreign_key="price_item.id", ondelete="RESTRICT")
    title: str = Field(max_length=200)
    quantity: int
    price_kopecks: int = Field(sa_type=sa.BigInteger)
    vat_code: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
