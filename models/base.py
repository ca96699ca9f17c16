"""The base of every table: ids, time stamps, names of constraints."""

import os
import time
import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

metadata = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

TimestampTZ = sa.DateTime(timezone=True)
NOW = sa.text("app_now()")


def uuid7() -> uuid.UUID:
    """Make a time-ordered identifier (RFC 9562, version 7)."""
    milliseconds = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | tail
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def enum_type(kinds: type[StrEnum]) -> sa.Enum:
    """Store an enumeration by its value in a plain text column."""
    return sa.Enum(
        kinds,
        native_enum=False,
        create_constraint=False,
        length=40,
        values_callable=lambda members: [member.value for member in members],
    )


def one_of(
    column: str, kinds: type[StrEnum], *, nullable: bool = False
) -> sa.CheckConstraint:
    """Repeat an enumeration as a CHECK, so that SQL cannot store another word."""
    words = ", ".join(f"'{kind.value}'" for kind in kinds)
    rule = f"{column} IN ({words})"
    if nullable:
        rule = f"{column} IS NULL OR {rule}"
    return sa.CheckConstraint(rule, name=f"{column}_known")


def point_rules() -> tuple[sa.CheckConstraint, ...]:
    """Coordinates come in pairs and lie on the globe; NaN is refused too."""
    return (
        sa.CheckConstraint(
            "(latitude IS NULL) = (longitude IS NULL)", name="point_whole"
        ),
        sa.CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude_range"),
        sa.CheckConstraint("longitude BETWEEN -180 AND 180", name="longitude_range"),
    )


def stamp(**options: Any) -> Any:
    """Declare an optional moment in UTC."""
    return Field(default=None, sa_type=TimestampTZ, nullable=True, **options)


class Table(SQLModel):
    """What every table has: a uuid v7 key and two stamps made by the database."""

    id: uuid.UUID = Field(default_factory=uuid7, primary_key=True)
    created_at: datetime = Field(
        default=None,
        sa_type=TimestampTZ,
        nullable=False,
        sa_column_kwargs={"server_default": NOW},
    )
    updated_at: datetime = Field(
        default=None,
        sa_type=TimestampTZ,
        nullable=False,
        sa_column_kwargs={"server_default": NOW},
    )
