"""People: patients, doctors, clinic managers and staff share one table."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, stamp


def full_name(last: str, first: str, middle: str | None) -> str:
    """Last, first and middle name, as a Russian list shows them."""
    return " ".join(part for part in (last, first, middle) if part)


def short_name(last: str, first: str, middle: str | None) -> str:
    """Last name and initials: «Орлов Д. А.»."""
    initials = [f"{name[0]}." for name in (first, middle) if name]
    return " ".join([last, *initials])


class User(Table, table=True):
    """A person who can be reached by e-mail or phone, with or without a password.

    `claimed_phone` is a number whose account a dispatcher made: it becomes theirs
    once they prove it, and the account made then is `merged_into` theirs.

    The table is called app_user: `user` is a function of SQL, and a forgotten
    pair of quotes would read the database's role instead of the row.
    """

    __tablename__ = "app_user"
    __table_args__ = (
        sa.CheckConstraint(
            "email IS NOT NULL OR phone IS NOT NULL OR claimed_phone IS NOT NULL"
            " OR merged_into IS NOT NULL OR erased_at IS NOT NULL",
            name="reachable",
        ),
        sa.CheckConstraint(
            "claimed_phone ~ '^\\+[1-9][0-9]{7,14}$'", name="claimed_phone_e164"
        ),
        sa.CheckConstraint("phone ~ '^\\+[1-9][0-9]{7,14}$'", name="phone_e164"),
        sa.CheckConstraint("locale IN ('ru', 'en')", name="locale_known"),
        sa.CheckConstraint("theme IN ('auto', 'light', 'dark')", name="theme_known"),
        sa.Index("uq_app_user_email_lower", sa.text("lower(email)"), unique=True),
        sa.Index(
            "ix_app_user_search_name_trgm",
            "search_name",
            postgresql_using="gin",
            postgresql_ops={"search_name": "gin_trgm_ops"},
        ),
        sa.Index(
            "ix_app_user_phone_trgm",
            "phone",
            postgresql_using="gin",
            postgresql_ops={"phone": "gin_trgm_ops"},
        ),
    )

    email: str | None = Field(default=None, max_length=254)
    phone: str | None = Field(default=None, max_length=16, unique=True)
    claimed_phone: str | None = Field(default=None, max_length=16)
    password_hash: str | None = Field(default=None, max_length=255)
    first_name: str = Field(max_length=100)
    last_name: str = Field(max_length=100)
    middle_name: str | None = Field(default=None, max_length=100)
    locale: str = Field(default="ru", max_length=2)
    theme: str = Field(default="auto", max_length=5)
    email_verified_at: datetime | None = stamp()
    phone_verified_at: datetime | None = stamp()
    blocked_at: datetime | None = stamp()
    blocked_reason: str | None = Field(default=None, max_length=500)
    merged_into: uuid.UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    erased_at: datetime | None = stamp()
    oidc_subject: str | None = Field(default=None, max_length=255, unique=True)
    must_change_password: bool = Field(default=False)
    auth_version: int = Field(default=1)
    search_name: str | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.Text,
            sa.Computed(
                "lower(last_name || ' ' || first_name"
                " || ' ' || coalesce(middle_name, ''))",
                persisted=True,
            ),
        ),
    )

    @property
    def full_name(self) -> str:
        """Last, first and middle name, as a Russian list shows them."""
        return full_name(self.last_name, self.first_name, self.middle_name)

    @property
    def short_name(self) -> str:
        """Last name and initials: «Орлов Д. А.»."""
        return short_name(self.last_name, self.first_name, self.middle_name)
