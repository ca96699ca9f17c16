"""Tables of money: ledger, payments, refunds, receipts, payouts, findings.

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


NUMBERS = "CREATE SEQUENCE payout_number_seq"
# Added without a look at the rows, then proved without a lock that stops writers.
CHECKS = (
    (
        "booking",
        "extra_consent_known",
        "extra_consent IS NULL OR extra_consent IN ('awaited', 'agreed', 'waived')",
    ),
    ("booking", "extras_not_negative", "extras_kopecks >= 0"),
    ("booking", "vat_code_known", "vat_code BETWEEN 1 AND 12"),
    ("booking_item", "vat_code_known", "vat_code BETWEEN 1 AND 12"),
    ("price_item", "vat_code_known", "vat_code BETWEEN 1 AND 12"),
)


def upgrade() -> None:
    op.execute(NUMBERS)
    op.create_table(
        "ledger_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "psp_clearing",
                "bank",
                "wallet",
                "visit_prepaid",
                "visit_receivable",
                "doctor_payable",
                "clinic_payable",
                "revenue_service",
                "revenue_cancellation",
                "expense_psp_fee",
                "expense_compensation",
                "refund_in_transit",
                "suspense",
                name="accountkind",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "nature",
            sa.Enum(
                "asset",
                "liability",
                "income",
                "expense",
                name="nature",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("guarded", sa.Boolean(), nullable=False),
        sa.Column("balance_kopecks", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "currency = 'RUB'", name=op.f("ck_ledger_account_currency_known")
        ),
        sa.CheckConstraint(
            "kind IN ('psp_clearing', 'bank', 'wallet', 'visit_prepaid', 'visit_receivable', 'doctor_payable', 'clinic_payable', 'revenue_service', 'revenue_cancellation', 'expense_psp_fee', 'expense_compensation', 'refund_in_transit', 'suspense')",
            name=op.f("ck_ledger_account_kind_known"),
        ),
        sa.CheckConstraint(
            "nature IN ('asset', 'liability', 'income', 'expense')",
            name=op.f("ck_ledger_account_nature_known"),
        ),
        sa.CheckConstraint(
            "balance_kopecks >= 0", name=op.f("ck_ledger_account_balance_not_negative")
        ),
        sa.CheckConstraint(
            "guarded = (kind IN ('visit_prepaid', 'wallet'))",
            name=op.f("ck_ledger_account_guarded_kinds"),
        ),
        sa.CheckConstraint(
            "(owner_id IS NOT NULL) = (kind IN ('clinic_payable', 'doctor_payable', 'visit_prepaid', 'visit_receivable', 'wallet'))",
            name=op.f("ck_ledger_account_owned_kinds"),
        ),
        sa.CheckConstraint(
            "code = kind || coalesce(':' || CAST(owner_id AS text), '')",
            name=op.f("ck_ledger_account_code_tells_owner"),
        ),
        sa.CheckConstraint(
            "guarded = (balance_kopecks IS NOT NULL)",
            name=op.f("ck_ledger_account_guarded_has_balance"),
        ),
        sa.CheckConstraint(
            "version >= 0", name=op.f("ck_ledger_account_version_not_negative")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint("code", name=op.f("uq_ledger_account_code")),
    )
    op.create_index(
        "ix_ledger_account_kind",
        "ledger_account",
        ["kind", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_ledger_account_owner_id", "ledger_account", ["owner_id"], unique=False
    )
    op.create_table(
        "payout",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "number",
            sa.BigInteger(),
            server_default=sa.text("nextval('payout_number_seq')"),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "approved",
                "exported",
                "paid",
                "reversed",
                "discarded",
                name="payoutstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("earned_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("document", sa.String(length=200), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'approved', 'exported', 'paid', 'reversed', 'discarded')",
            name=op.f("ck_payout_status_known"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'discarded') OR approved_by IS NOT NULL",
            name=op.f("ck_payout_approved_before_exported"),
        ),
        sa.CheckConstraint("approved_by <> made_by", name=op.f("ck_payout_four_eyes")),
        sa.CheckConstraint("total_kopecks > 0", name=op.f("ck_payout_total_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout")),
        sa.UniqueConstraint("number", name=op.f("uq_payout_number")),
    )
    op.create_index("ix_payout_created_at", "payout", ["created_at"], unique=False)
    op.create_index(
        "uq_payout_open",
        "payout",
        [sa.literal_column("(true)")],
        unique=True,
        postgresql_where=sa.text("status IN ('draft', 'approved', 'exported')"),
    )
    op.create_table(
        "recon_mark",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("reached", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recon_mark")),
        sa.UniqueConstraint("name", name=op.f("uq_recon_mark_name")),
    )
    op.create_table(
        "refund_policy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tiers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_policy")),
        sa.UniqueConstraint("version", name=op.f("uq_refund_policy_version")),
    )
    op.create_table(
        "webhook_inbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("object_id", sa.String(length=60), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "new",
                "waiting",
                "done",
                "quarantined",
                name="inboxstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.String(length=100), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('new', 'waiting', 'done', 'quarantined')",
            name=op.f("ck_webhook_inbox_status_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_inbox")),
        sa.UniqueConstraint(
            "event",
            "object_id",
            "body_hash",
            name=op.f("uq_webhook_inbox_event_object_id_body_hash"),
        ),
    )
    op.create_index(
        "ix_webhook_inbox_due",
        "webhook_inbox",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('new', 'waiting')"),
    )
    op.create_table(
        "ledger_snapshot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column(
            "up_to",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("sum_kopecks", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ledger_account.id"],
            name=op.f("fk_ledger_snapshot_account_id_ledger_account"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_snapshot")),
        sa.UniqueConstraint(
            "account_id", "up_to", name=op.f("uq_ledger_snapshot_account_id_up_to")
        ),
    )
    op.create_table(
        "payout_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("payout_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "amount_kopecks > 0", name=op.f("ck_payout_line_amount_positive")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ledger_account.id"],
            name=op.f("fk_payout_line_account_id_ledger_account"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payout_id"],
            ["payout.id"],
            name=op.f("fk_payout_line_payout_id_payout"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_line")),
        sa.UniqueConstraint(
            "payout_id", "account_id", name=op.f("uq_payout_line_payout_id_account_id")
        ),
    )
    op.create_index(
        op.f("ix_payout_line_account_id"), "payout_line", ["account_id"], unique=False
    )
    op.create_table(
        "tariff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("doctor_id", sa.Uuid(), nullable=True),
        sa.Column("clinic_id", sa.Uuid(), nullable=True),
        sa.Column("share_points", sa.Integer(), nullable=False),
        sa.Column("fixed_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "doctor_id IS NULL OR clinic_id IS NULL",
            name=op.f("ck_tariff_for_one_of_them"),
        ),
        sa.CheckConstraint(
            "fixed_kopecks >= 0", name=op.f("ck_tariff_fixed_not_negative")
        ),
        sa.CheckConstraint(
            "share_points BETWEEN 0 AND 10000", name=op.f("ck_tariff_share_range")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id"],
            ["clinic_profile.id"],
            name=op.f("fk_tariff_clinic_id_clinic_profile"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["doctor_id"],
            ["app_user.id"],
            name=op.f("fk_tariff_doctor_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff")),
    )
    op.create_index("ix_tariff_valid_from", "tariff", ["valid_from"], unique=False)
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("manual_kopecks", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "requested",
                "prepared",
                "approved",
                "done",
                "rejected",
                name="withdrawalstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("prepared_by", sa.Uuid(), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("document", sa.String(length=200), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('requested', 'prepared', 'approved', 'done', 'rejected')",
            name=op.f("ck_withdrawal_status_known"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'done') OR approved_by IS NOT NULL",
            name=op.f("ck_withdrawal_approved_before_paid"),
        ),
        sa.CheckConstraint(
            "amount_kopecks > 0", name=op.f("ck_withdrawal_amount_positive")
        ),
        sa.CheckConstraint(
            "approved_by <> prepared_by", name=op.f("ck_withdrawal_four_eyes")
        ),
        sa.CheckConstraint(
            "manual_kopecks BETWEEN 0 AND amount_kopecks",
            name=op.f("ck_withdrawal_manual_range"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_withdrawal_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal")),
    )
    op.create_index(
        "ix_withdrawal_status_created_at",
        "withdrawal",
        ["status", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_withdrawal_open",
        "withdrawal",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('requested', 'prepared', 'approved')"),
    )
    op.create_table(
        "ledger_journal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("idem_key", sa.String(length=120), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ref_type", sa.String(length=40), nullable=False),
        sa.Column("ref_id", sa.Uuid(), nullable=True),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column(
            "acting_as",
            sa.Enum(
                "patient",
                "doctor",
                "clinic",
                "dispatcher",
                "curator",
                "finance",
                "admin",
                "system",
                name="role",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("via", sa.String(length=10), nullable=False),
        sa.Column(
            "made_in",
            sa.BigInteger(),
            server_default=sa.text(
                "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_ledger_journal_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_journal")),
        sa.UniqueConstraint("idem_key", name=op.f("uq_ledger_journal_idem_key")),
    )
    op.create_index(
        "ix_ledger_journal_booking_id", "ledger_journal", ["booking_id"], unique=False
    )
    op.create_index(
        "ix_ledger_journal_created_at", "ledger_journal", ["created_at"], unique=False
    )
    op.create_index(
        "ix_ledger_journal_ref_id", "ledger_journal", ["ref_id"], unique=False
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column(
            "method",
            sa.Enum(
                "card",
                "sbp",
                "wallet",
                name="paymentmethod",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "created",
                "unknown",
                "pending",
                "succeeded",
                "canceled",
                "failed",
                name="paymentstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("captured_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("refunded_or_reserved_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("returned_or_reserved_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "surplus",
            sa.Enum("double", "late", name="surplus", native_enum=False, length=40),
            nullable=True,
        ),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("key_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.String(length=36), nullable=True),
        sa.Column("confirmation_url", sa.String(length=2048), nullable=True),
        sa.Column("confirmation_data", sa.String(length=2048), nullable=True),
        sa.Column("return_url", sa.String(length=2048), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("method_title", sa.String(length=100), nullable=True),
        sa.Column("fee_kopecks", sa.BigInteger(), nullable=True),
        sa.Column("failure_code", sa.String(length=60), nullable=True),
        sa.Column("failure_parameter", sa.String(length=100), nullable=True),
        sa.Column("cancel_party", sa.String(length=60), nullable=True),
        sa.Column("cancel_reason", sa.String(length=60), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'succeeded') = (succeeded_at IS NOT NULL)",
            name=op.f("ck_payment_succeeded_stamp"),
        ),
        sa.CheckConstraint(
            "captured_kopecks = CASE WHEN status = 'succeeded' THEN amount_kopecks ELSE 0 END",
            name=op.f("ck_payment_captured_when_succeeded"),
        ),
        sa.CheckConstraint(
            "method = 'wallet' OR request_body IS NOT NULL",
            name=op.f("ck_payment_body_kept"),
        ),
        sa.CheckConstraint(
            "method IN ('card', 'sbp', 'wallet')", name=op.f("ck_payment_method_known")
        ),
        sa.CheckConstraint(
            "status IN ('created', 'unknown', 'pending', 'succeeded', 'canceled', 'failed')",
            name=op.f("ck_payment_status_known"),
        ),
        sa.CheckConstraint(
            "surplus IS NULL OR status = 'succeeded'",
            name=op.f("ck_payment_surplus_succeeded"),
        ),
        sa.CheckConstraint(
            "surplus IS NULL OR surplus IN ('double', 'late')",
            name=op.f("ck_payment_surplus_known"),
        ),
        sa.CheckConstraint(
            "amount_kopecks > 0", name=op.f("ck_payment_amount_positive")
        ),
        sa.CheckConstraint(
            "returned_or_reserved_kopecks >= 0 AND returned_or_reserved_kopecks <= refunded_or_reserved_kopecks AND refunded_or_reserved_kopecks <= captured_kopecks",
            name=op.f("ck_payment_refunds_within_captured"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_payment_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payer_id"],
            ["app_user.id"],
            name=op.f("fk_payment_payer_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_provider_id")),
    )
    op.create_index("ix_payment_booking_id", "payment", ["booking_id"], unique=False)
    op.create_index("ix_payment_created_at", "payment", ["created_at"], unique=False)
    op.create_index(
        "ix_payment_due",
        "payment",
        ["next_look_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('created', 'unknown', 'pending')"),
    )
    op.create_index(
        "ix_payment_payer_id_created_at",
        "payment",
        ["payer_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_payment_status_created_at",
        "payment",
        ["status", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_payment_succeeded_at",
        "payment",
        ["succeeded_at"],
        unique=False,
        postgresql_include=["method", "amount_kopecks", "fee_kopecks"],
        postgresql_where=sa.text("succeeded_at IS NOT NULL"),
    )
    op.create_index(
        "uq_payment_open",
        "payment",
        ["booking_id"],
        unique=True,
        postgresql_where=sa.text(
            "status IN ('created', 'unknown', 'pending') AND superseded_at IS NULL"
        ),
    )
    op.create_table(
        "refund_claim",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("opened_as", sa.String(length=20), nullable=False),
        sa.Column(
            "reason_code",
            sa.Enum(
                "cancelled",
                "not_rendered",
                "poor_service",
                "wrong_amount",
                "double_payment",
                "late_payment",
                "goodwill",
                "withdrawal",
                "other",
                name="refundreason",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("comment", sa.String(length=1000), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "accepted",
                "declined",
                name="claimstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(status = 'open') = (decided_at IS NULL)",
            name=op.f("ck_refund_claim_decided_stamp"),
        ),
        sa.CheckConstraint(
            "reason_code IN ('cancelled', 'not_rendered', 'poor_service', 'wrong_amount', 'double_payment', 'late_payment', 'goodwill', 'withdrawal', 'other')",
            name=op.f("ck_refund_claim_reason_code_known"),
        ),
        sa.CheckConstraint(
            "status IN ('open', 'accepted', 'declined')",
            name=op.f("ck_refund_claim_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_refund_claim_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_claim")),
    )
    op.create_index(
        "ix_refund_claim_status_created_at",
        "refund_claim",
        ["status", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_refund_claim_open",
        "refund_claim",
        ["booking_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("journal_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("balance_after_kopecks", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "amount_kopecks <> 0", name=op.f("ck_ledger_entry_amount_not_zero")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ledger_account.id"],
            name=op.f("fk_ledger_entry_account_id_ledger_account"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["journal_id"],
            ["ledger_journal.id"],
            name=op.f("fk_ledger_entry_journal_id_ledger_journal"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
    )
    op.create_index(
        "ix_ledger_entry_account_id",
        "ledger_entry",
        ["account_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_ledger_entry_journal_id", "ledger_entry", ["journal_id"], unique=False
    )
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("withdrawal_id", sa.Uuid(), nullable=True),
        sa.Column(
            "origin",
            sa.Enum(
                "policy",
                "claim",
                "staff",
                "double",
                "late",
                "withdrawal",
                "cabinet",
                name="refundorigin",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "destination",
            sa.Enum(
                "original",
                "wallet",
                "manual",
                name="destination",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "awaiting_approval",
                "approved",
                "sending",
                "unknown",
                "pending_provider",
                "succeeded",
                "failed",
                "rejected",
                name="refundstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column(
            "reason_code",
            sa.Enum(
                "cancelled",
                "not_rendered",
                "poor_service",
                "wrong_amount",
                "double_payment",
                "late_payment",
                "goodwill",
                "withdrawal",
                "other",
                name="refundreason",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "split",
            sa.Enum(
                "doctor",
                "house",
                "pro_rata",
                name="split",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("doctor_kopecks", sa.BigInteger(), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("policy_rule", sa.String(length=40), nullable=True),
        sa.Column("policy_base_kopecks", sa.BigInteger(), nullable=True),
        sa.Column("policy_percent", sa.Integer(), nullable=True),
        sa.Column("policy_kopecks", sa.BigInteger(), nullable=True),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("requested_as", sa.String(length=20), nullable=False),
        sa.Column("request_token", sa.String(length=64), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approval_hash", sa.String(length=64), nullable=True),
        sa.Column("approval_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_by", sa.Uuid(), nullable=True),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("key_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.String(length=36), nullable=True),
        sa.Column("document", sa.String(length=200), nullable=True),
        sa.Column("failure_code", sa.String(length=60), nullable=True),
        sa.Column("cancel_party", sa.String(length=60), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(status = 'succeeded') = (succeeded_at IS NOT NULL)",
            name=op.f("ck_refund_succeeded_stamp"),
        ),
        sa.CheckConstraint(
            "NOT needs_approval OR approved_by IS NOT NULL OR status IN ('awaiting_approval', 'rejected')",
            name=op.f("ck_refund_approved_before_sent"),
        ),
        sa.CheckConstraint(
            "destination IN ('original', 'wallet', 'manual')",
            name=op.f("ck_refund_destination_known"),
        ),
        sa.CheckConstraint(
            "origin IN ('policy', 'claim', 'staff', 'double', 'late', 'withdrawal', 'cabinet')",
            name=op.f("ck_refund_origin_known"),
        ),
        sa.CheckConstraint(
            "reason_code IN ('cancelled', 'not_rendered', 'poor_service', 'wrong_amount', 'double_payment', 'late_payment', 'goodwill', 'withdrawal', 'other')",
            name=op.f("ck_refund_reason_code_known"),
        ),
        sa.CheckConstraint(
            "split IS NULL OR split IN ('doctor', 'house', 'pro_rata')",
            name=op.f("ck_refund_split_known"),
        ),
        sa.CheckConstraint(
            "status IN ('awaiting_approval', 'approved', 'sending', 'unknown', 'pending_provider', 'succeeded', 'failed', 'rejected')",
            name=op.f("ck_refund_status_known"),
        ),
        sa.CheckConstraint(
            "(approved_by IS NULL) = (approval_hash IS NULL)",
            name=op.f("ck_refund_approval_bound"),
        ),
        sa.CheckConstraint(
            "amount_kopecks > 0", name=op.f("ck_refund_amount_positive")
        ),
        sa.CheckConstraint(
            "approved_by <> requested_by", name=op.f("ck_refund_four_eyes")
        ),
        sa.CheckConstraint(
            "doctor_kopecks >= 0 AND doctor_kopecks <= amount_kopecks",
            name=op.f("ck_refund_doctor_part_range"),
        ),
        sa.CheckConstraint(
            "policy_percent BETWEEN 0 AND 100",
            name=op.f("ck_refund_policy_percent_range"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_refund_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["claim_id"],
            ["refund_claim.id"],
            name=op.f("fk_refund_claim_id_refund_claim"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payment.id"],
            name=op.f("fk_refund_payment_id_payment"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["withdrawal_id"],
            ["withdrawal.id"],
            name=op.f("fk_refund_withdrawal_id_withdrawal"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_refund_provider_id")),
        sa.UniqueConstraint("request_token", name=op.f("uq_refund_request_token")),
    )
    op.create_index("ix_refund_booking_id", "refund", ["booking_id"], unique=False)
    op.create_index("ix_refund_created_at", "refund", ["created_at"], unique=False)
    op.create_index(
        "ix_refund_due",
        "refund",
        ["next_look_at"],
        unique=False,
        postgresql_where=sa.text(
            "status IN ('approved', 'sending', 'unknown', 'pending_provider')"
        ),
    )
    op.create_index(
        "ix_refund_status_created_at", "refund", ["status", "created_at"], unique=False
    )
    op.create_index(
        "ix_refund_succeeded_at",
        "refund",
        ["succeeded_at"],
        unique=False,
        postgresql_where=sa.text("succeeded_at IS NOT NULL"),
    )
    op.create_index(
        "ix_refund_withdrawal_id", "refund", ["withdrawal_id"], unique=False
    )
    op.create_index(
        "uq_refund_open",
        "refund",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text(
            "status IN ('awaiting_approval', 'approved', 'sending', 'unknown', 'pending_provider')"
        ),
    )
    op.create_table(
        "provider_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=True),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("data", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payment.id"],
            name=op.f("fk_provider_event_payment_id_payment"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"],
            ["refund.id"],
            name=op.f("fk_provider_event_refund_id_refund"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_event")),
    )
    op.create_index(
        "ix_provider_event_payment_id", "provider_event", ["payment_id"], unique=False
    )
    op.create_index(
        "ix_provider_event_refund_id", "provider_event", ["refund_id"], unique=False
    )
    op.create_table(
        "receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "payment",
                "closing",
                "refund",
                name="receiptkind",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "created",
                "unknown",
                "pending",
                "succeeded",
                "canceled",
                "failed",
                name="receiptstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("key_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.String(length=40), nullable=True),
        sa.Column("failure_code", sa.String(length=60), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('payment', 'closing', 'refund')",
            name=op.f("ck_receipt_kind_known"),
        ),
        sa.CheckConstraint(
            "status IN ('created', 'unknown', 'pending', 'succeeded', 'canceled', 'failed')",
            name=op.f("ck_receipt_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_receipt_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payment.id"],
            name=op.f("fk_receipt_payment_id_payment"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"],
            ["refund.id"],
            name=op.f("fk_receipt_refund_id_refund"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
    )
    op.create_index("ix_receipt_booking_id", "receipt", ["booking_id"], unique=False)
    op.create_index(
        "ix_receipt_due",
        "receipt",
        ["next_look_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('created', 'unknown', 'pending')"),
    )
    op.create_index(
        "ix_receipt_status_created_at",
        "receipt",
        ["status", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_receipt_payment_id_kind",
        "receipt",
        ["payment_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind <> 'refund'"),
    )
    op.create_index(
        "uq_receipt_refund_id",
        "receipt",
        ["refund_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'refund'"),
    )
    op.create_table(
        "recon_issue",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app_now()"),
            nullable=False,
        ),
        sa.Column(
            "kind",
            sa.Enum(
                "invariant",
                "missing_here",
                "missing_there",
                "status_differs",
                "amount_differs",
                "quarantined",
                "refund_failed",
                "refund_unknown",
                "payment_unknown",
                "receipt_failed",
                "day_differs",
                "settlement_differs",
                "inbox_left",
                "shop_differs",
                name="issuekind",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.Column("seen_last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("resolution", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "kind IN ('invariant', 'missing_here', 'missing_there', 'status_differs', 'amount_differs', 'quarantined', 'refund_failed', 'refund_unknown', 'payment_unknown', 'receipt_failed', 'day_differs', 'settlement_differs', 'inbox_left', 'shop_differs')",
            name=op.f("ck_recon_issue_kind_known"),
        ),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by IS NULL)",
            name=op.f("ck_recon_issue_resolved_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_recon_issue_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payment.id"],
            name=op.f("fk_recon_issue_payment_id_payment"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"],
            ["refund.id"],
            name=op.f("fk_recon_issue_refund_id_refund"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recon_issue")),
    )
    op.create_index(
        "ix_recon_issue_created_at", "recon_issue", ["created_at"], unique=False
    )
    op.create_index(
        "uq_recon_issue_open",
        "recon_issue",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.add_column(
        "booking",
        sa.Column("vat_code", sa.Integer(), server_default="1", nullable=False),
    )
    op.add_column(
        "booking",
        sa.Column(
            "extras_kopecks", sa.BigInteger(), server_default="0", nullable=False
        ),
    )
    op.add_column(
        "booking",
        sa.Column(
            "extra_consent",
            sa.Enum(
                "awaited",
                "agreed",
                "waived",
                name="extraconsent",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
    )
    op.add_column(
        "booking_item",
        sa.Column("vat_code", sa.Integer(), server_default="1", nullable=False),
    )
    op.add_column(
        "price_item",
        sa.Column("vat_code", sa.Integer(), server_default="1", nullable=False),
    )
    for table, name, rule in CHECKS:
        full = f"ck_{table}_{name}"
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {full} CHECK ({rule}) NOT VALID"
        )
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {full}")


def downgrade() -> None:
    op.drop_column("price_item", "vat_code")
    op.drop_column("booking_item", "vat_code")
    op.drop_column("booking", "extra_consent")
    op.drop_column("booking", "extras_kopecks")
    op.drop_column("booking", "vat_code")
    op.drop_index(
        "uq_recon_issue_open",
        table_name="recon_issue",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.drop_index("ix_recon_issue_created_at", table_name="recon_issue")
    op.drop_table("recon_issue")
    op.drop_index(
        "uq_receipt_refund_id",
        table_name="receipt",
        postgresql_where=sa.text("kind = 'refund'"),
    )
    op.drop_index(
        "uq_receipt_payment_id_kind",
        table_name="receipt",
        postgresql_where=sa.text("kind <> 'refund'"),
    )
    op.drop_index("ix_receipt_status_created_at", table_name="receipt")
    op.drop_index(
        "ix_receipt_due",
        table_name="receipt",
        postgresql_where=sa.text("status IN ('created', 'unknown', 'pending')"),
    )
    op.drop_index("ix_receipt_booking_id", table_name="receipt")
    op.drop_table("receipt")
    op.drop_index("ix_provider_event_refund_id", table_name="provider_event")
    op.drop_index("ix_provider_event_payment_id", table_name="provider_event")
    op.drop_table("provider_event")
    op.drop_index(
        "uq_refund_open",
        table_name="refund",
        postgresql_where=sa.text(
            "status IN ('awaiting_approval', 'approved', 'sending', 'unknown', 'pending_provider')"
        ),
    )
    op.drop_index("ix_refund_withdrawal_id", table_name="refund")
    op.drop_index(
        "ix_refund_succeeded_at",
        table_name="refund",
        postgresql_where=sa.text("succeeded_at IS NOT NULL"),
    )
    op.drop_index("ix_refund_status_created_at", table_name="refund")
    op.drop_index(
        "ix_refund_due",
        table_name="refund",
        postgresql_where=sa.text(
            "status IN ('approved', 'sending', 'unknown', 'pending_provider')"
        ),
    )
    op.drop_index("ix_refund_created_at", table_name="refund")
    op.drop_index("ix_refund_booking_id", table_name="refund")
    op.drop_table("refund")
    op.drop_index("ix_ledger_entry_journal_id", table_name="ledger_entry")
    op.drop_index("ix_ledger_entry_account_id", table_name="ledger_entry")
    op.drop_table("ledger_entry")
    op.drop_index(
        "uq_refund_claim_open",
        table_name="refund_claim",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.drop_index("ix_refund_claim_status_created_at", table_name="refund_claim")
    op.drop_table("refund_claim")
    op.drop_index(
        "uq_payment_open",
        table_name="payment",
        postgresql_where=sa.text(
            "status IN ('created', 'unknown', 'pending') AND superseded_at IS NULL"
        ),
    )
    op.drop_index(
        "ix_payment_succeeded_at",
        table_name="payment",
        postgresql_where=sa.text("succeeded_at IS NOT NULL"),
    )
    op.drop_index("ix_payment_status_created_at", table_name="payment")
    op.drop_index("ix_payment_payer_id_created_at", table_name="payment")
    op.drop_index(
        "ix_payment_due",
        table_name="payment",
        postgresql_where=sa.text("status IN ('created', 'unknown', 'pending')"),
    )
    op.drop_index("ix_payment_created_at", table_name="payment")
    op.drop_index("ix_payment_booking_id", table_name="payment")
    op.drop_table("payment")
    op.drop_index("ix_ledger_journal_ref_id", table_name="ledger_journal")
    op.drop_index("ix_ledger_journal_created_at", table_name="ledger_journal")
    op.drop_index("ix_ledger_journal_booking_id", table_name="ledger_journal")
    op.drop_table("ledger_journal")
    op.drop_index(
        "uq_withdrawal_open",
        table_name="withdrawal",
        postgresql_where=sa.text("status IN ('requested', 'prepared', 'approved')"),
    )
    op.drop_index("ix_withdrawal_status_created_at", table_name="withdrawal")
    op.drop_table("withdrawal")
    op.drop_index("ix_tariff_valid_from", table_name="tariff")
    op.drop_table("tariff")
    op.drop_index(op.f("ix_payout_line_account_id"), table_name="payout_line")
    op.drop_table("payout_line")
    op.drop_table("ledger_snapshot")
    op.drop_index(
        "ix_webhook_inbox_due",
        table_name="webhook_inbox",
        postgresql_where=sa.text("status IN ('new', 'waiting')"),
    )
    op.drop_table("webhook_inbox")
    op.drop_table("refund_policy")
    op.drop_table("recon_mark")
    op.drop_index(
        "uq_payout_open",
        table_name="payout",
        postgresql_where=sa.text("status IN ('draft', 'approved', 'exported')"),
    )
    op.drop_index("ix_payout_created_at", table_name="payout")
    op.drop_table("payout")
    op.drop_index("ix_ledger_account_owner_id", table_name="ledger_account")
    op.drop_index("ix_ledger_account_kind", table_name="ledger_account")
    op.drop_table("ledger_account")
    op.execute("DROP SEQUENCE payout_number_seq")
