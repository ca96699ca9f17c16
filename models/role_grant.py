"""Roles are granted by rows, so that who gave what to whom is never lost."""

import uuid
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class Role(StrEnum):
    """What a person may act as; `system` acts in jobs and is never granted."""

    PATIENT = "patient"
    DOCTOR = "doctor"
    CLINIC = "clinic"
    DISPATCHER = "dispatcher"
    CURATOR = "curator"
    FINANCE = "finance"
    ADMIN = "admin"
    SYSTEM = "system"


STAFF_ROLES = frozenset({Role.DISPATCHER, Role.CURATOR, Role.FINANCE, Role.ADMIN})
API_ROLES = frozenset({Role.PATIENT, Role.DOCTOR, Role.CLINIC})


class RoleGrant(Table, table=True):
    """One role of one person from its grant until it is taken back.

    A senior dispatcher is told of calls that wait too long.
    """

    __tablename__ = "role_grant"
    __table_args__ = (
        one_of("role", Role),
        sa.CheckConstraint("role <> 'system'", name="system_never_granted"),
        sa.CheckConstraint("NOT senior OR role = 'dispatcher'", name="senior_of_whom"),
        sa.Index(
            "uq_role_grant_live",
            "user_id",
            "role",
            unique=True,
            postgresql_where=sa.text("revoked_at IS NULL"),
        ),
        sa.Index(
            "uq_role_grant_one_staff_role",
            "user_id",
            unique=True,
            postgresql_where=sa.text(
                "revoked_at IS NULL"
                " AND role IN ('dispatcher', 'curator', 'finance', 'admin')"
            ),
        ),
    )

    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    role: Role = Field(sa_type=enum_type(Role))
    granted_by: uuid.UUID
    senior: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    reason: str | None = Field(default=None, max_length=500)
    revoked_at: datetime | None = stamp()
    revoked_by: uuid.UUID | None = Field(default=None)
    revoke_reason: str | None = Field(default=None, max_length=500)
