"""Streets of the city with their district and point."""

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, point_rules


class Street(Table, table=True):
    """One street: finds a district and coordinates for an address in words."""

    __tablename__ = "street"
    __table_args__ = (
        sa.UniqueConstraint("name", "district"),
        sa.Index(
            "ix_street_search_trgm",
            sa.literal_column("lower(name)").label("search_name"),
            postgresql_using="gin",
            postgresql_ops={"search_name": "gin_trgm_ops"},
        ),
        *point_rules(),
    )

    name: str = Field(max_length=160)
    district: str = Field(max_length=80)
    latitude: float
    longitude: float
