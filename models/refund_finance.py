"""What finance may see of refunds and of claims: database views without any words."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import TimestampTZ, enum_type
from models.booking import Status
from models.booking_finance import ViewBase
from models.payment import PaymentMethod
from models.refund import (
    OPEN,
    ClaimStatus,
    Destination,
    RefundOrigin,
    RefundReason,
    RefundStatus,
    Rule,
    Split,
)
from models.role_grant import Role


class RefundFinance(ViewBase):
    """One line of refund_finance_v: a refund, its policy, who asked and who approved."""

    __tablename__ = "refund_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[uuid.UUID]
    booking_number: Mapped[int] = mapped_column(sa.BigInteger)
    payment_id: Mapped[uuid.UUID]
    claim_id: Mapped[uuid.UUID | None]
    withdrawal_id: Mapped[uuid.UUID | None]
    origin: Mapped[RefundOrigin] = mapped_column(enum_type(RefundOrigin))
    destination: Mapped[Destination] = mapped_column(enum_type(Destination))
    status: Mapped[RefundStatus] = mapped_column(enum_type(RefundStatus))
    amount_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    reason_code: Mapped[RefundReason] = mapped_column(enum_type(RefundReason))
    split: Mapped[Split | None] = mapped_column(enum_type(Split))
    doctor_kopecks: Mapped[int | None] = mapped_column(sa.BigInteger)
    policy_version: Mapped[int | None] = mapped_column(sa.Integer)
    policy_rule: Mapped[Rule | None] = mapped_column(enum_type(Rule))
    policy_base_kopecks: Mapped[int | None] = mapped_column(sa.BigInteger)
    policy_percent: Mapped[int | None] = mapped_column(sa.Integer)
    policy_kopecks: Mapped[int | None] = mapped_column(sa.BigInteger)
    needs_approval: Mapped[bool] = mapped_column(sa.Boolean)
    requested_by: Mapped[uuid.UUID]
    requested_as: Mapped[Role] = mapped_column(enum_type(Role))
    approved_by: Mapped[uuid.UUID | None]
    approved_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    approval_expires_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    rejected_by: Mapped[uuid.UUID | None]
    provider_id: Mapped[str | None] = mapped_column(sa.String(36))
    document: Mapped[str | None] = mapped_column(sa.String(200))
    failure_code: Mapped[str | None] = mapped_column(sa.String(60))
    cancel_party: Mapped[str | None] = mapped_column(sa.String(60))
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    key_used_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    succeeded_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    ended_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    followed_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    tries: Mapped[int] = mapped_column(sa.Integer)
    next_look_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    version: Mapped[int] = mapped_column(sa.Integer)
    method: Mapped[PaymentMethod] = mapped_column(enum_type(PaymentMethod))
    payer_contact: Mapped[str | None] = mapped_column(sa.Text)

    @property
    def booking_label(self) -> str:
        """The call's number as people say it."""
        return f"B-{self.booking_number}"

    @property
    def above_policy(self) -> bool:
        """More than what policy gave for the whole call when it was asked for."""
        given = self.policy_kopecks
        return given is not None and given < self.amount_kopecks

    @property
    def is_open(self) -> bool:
        """The refund has not ended."""
        return self.status in OPEN


class RefundClaimFinance(ViewBase):
    """One line of refund_claim_finance_v: a reason code, never the patient's words."""

    __tablename__ = "refund_claim_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[uuid.UUID]
    booking_number: Mapped[int] = mapped_column(sa.BigInteger)
    booking_status: Mapped[Status] = mapped_column(enum_type(Status))
    opened_as: Mapped[Role] = mapped_column(enum_type(Role))
    reason_code: Mapped[RefundReason] = mapped_column(enum_type(RefundReason))
    status: Mapped[ClaimStatus] = mapped_column(enum_type(ClaimStatus))
    decided_by: Mapped[uuid.UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    version: Mapped[int] = mapped_column(sa.Integer)
    payer_contact: Mapped[str | None] = mapped_column(sa.Text)

    @property
    def booking_label(self) -> str:
        """The call's number as people say it."""
        return f"B-{self.booking_number}"
