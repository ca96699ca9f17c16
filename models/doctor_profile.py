"""Facts about doctors; they live here and nowhere else."""

import uuid
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from models.base import Table, stamp
from models.specialization import Specialization


class DoctorProfile(Table, table=True):
    """A doctor: what they treat, until when they may, and where they start from."""

    __tablename__ = "doctor_profile"
    __table_args__ = (
        sa.CheckConstraint(
            "cardinality(specializations) BETWEEN 1 AND 5", name="specializations_some"
        ),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="rating_range"),
        sa.CheckConstraint(
            "experience_years BETWEEN 0 AND 80", name="experience_range"
        ),
        sa.CheckConstraint(
            "(home_latitude IS NULL) = (home_longitude IS NULL)", name="home_whole"
        ),
        sa.CheckConstraint("home_latitude BETWEEN -90 AND 90", name="home_latitude"),
        sa.CheckConstraint(
            "home_longitude BETWEEN -180 AND 180", name="home_longitude"
        ),
        sa.Index(
            "ix_doctor_profile_specializations",
            "specializations",
            postgresql_using="gin",
        ),
        sa.Index(
            "ix_doctor_profile_home",
            sa.text("point(home_longitude * 0.5627, home_latitude)"),
            postgresql_using="gist",
            postgresql_where=sa.text("home_latitude IS NOT NULL"),
        ),
    )

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", unique=True
    )
    specializations: list[str] = Field(
        sa_column=sa.Column(ARRAY(sa.String(40)), nullable=False)
    )
    licence_number: str = Field(max_length=60)
    licence_expires_on: date
    documents_valid_until: date | None = Field(default=None)
    experience_years: int | None = Field(default=None)
    languages: list[str] = Field(
        default_factory=lambda: ["ru"],
        sa_column=sa.Column(ARRAY(sa.String(8)), nullable=False),
    )
    education: str | None = Field(default=None, max_length=2000)
    birth_date: date | None = Field(default=None)
    about: str | None = Field(default=None, max_length=2000)
    clinic_id: uuid.UUID | None = Field(
        default=None, foreign_key="clinic_profile.id", ondelete="RESTRICT", index=True
    )
    clinic_since: datetime | None = stamp()
    home_district: str | None = Field(default=None, max_length=80)
    home_latitude: float | None = Field(default=None)
    home_longitude: float | None = Field(default=None)
    duty_by_plan: bool = Field(
        default=False, sa_column_kwargs={"server_default": sa.false()}
    )
    rating: Decimal | None = Field(default=None, sa_type=sa.Numeric(3, 2))
    approved_at: datetime | None = stamp()
    suspended_at: datetime | None = stamp()
    suspended_reason: str | None = Field(default=None, max_length=1000)

    @property
    def specialization(self) -> Specialization:
        """The first of the specializations is the main one."""
        return Specialization(self.specializations[0])

    @property
    def may_work(self) -> bool:
        """A curator let them work, and nobody stopped it."""
        return self.approved_at is not None and self.suspended_at is None

    @property
    def valid_until(self) -> date:
        """The last day on which licence and documents all hold."""
        if self.documents_valid_until is None:
            return self.licence_expires_on
        return min(self.licence_expires_on, self.documents_valid_until)
