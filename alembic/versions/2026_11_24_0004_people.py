"""People: contacts, notifications, applications, documents, plans, second factors.

Revision 0004, after 0003.

New tables, and columns of known tables that are empty or constant: no rewrite, no
long lock.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

REACHABLE = (
    "email IS NOT NULL OR phone IS NOT NULL OR claimed_phone IS NOT NULL"
    " OR merged_into IS NOT NULL OR erased_at IS NOT NULL"
)


def _known_tables() -> None:
    op.alter_column("doctor_state", "duty_by", server_default=None)
    op.create_check_constraint(
        op.f("ck_doctor_state_duty_by_known"),
        "doctor_state",
        "duty_by IN ('hand', 'plan')",
    )
    op.drop_constraint(op.f("ck_app_user_reachable"), "app_user")
    op.create_check_constraint(op.f("ck_app_user_reachable"), "app_user", REACHABLE)
    op.create_check_constraint(
        op.f("ck_app_user_claimed_phone_e164"),
        "app_user",
        "claimed_phone ~ '^\\+[1-9][0-9]{7,14}$'",
    )


def upgrade() -> None:
    op.create_table(
        "consent_text",
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
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("text_ru", sa.String(length=50000), nullable=False),
        sa.Column("text_en", sa.String(length=50000), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_text")),
        sa.UniqueConstraint(
            "kind", "version", name=op.f("uq_consent_text_kind_version")
        ),
    )
    op.create_index(
        "uq_consent_text_current",
        "consent_text",
        ["kind"],
        unique=True,
        postgresql_where=sa.text("current"),
    )
    op.create_table(
        "holiday",
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
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holiday")),
        sa.UniqueConstraint("day", name=op.f("uq_holiday_day")),
    )
    op.create_table(
        "doctor_application",
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
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "submitted",
                "more_info",
                "approved",
                "rejected",
                "suspended",
                "withdrawn",
                name="applicationstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=2000), nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'more_info', 'approved', 'rejected', 'suspended', 'withdrawn')",
            name=op.f("ck_doctor_application_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_doctor_application_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctor_application")),
    )
    op.create_index(
        "ix_doctor_application_status_submitted_at",
        "doctor_application",
        ["status", "submitted_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_doctor_application_user_id"),
        "doctor_application",
        ["user_id"],
        unique=False,
    )
    op.create_index(
        "uq_doctor_application_live",
        "doctor_application",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("status NOT IN ('rejected', 'withdrawn')"),
    )
    op.create_table(
        "document",
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
        sa.Column(
            "kind",
            sa.Enum(
                "diploma",
                "certificate",
                "accreditation",
                "licence",
                "passport",
                "portrait",
                name="documentkind",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_name", sa.String(length=80), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "submitted",
                "accepted",
                "rejected",
                "replaced",
                "removed",
                name="documentstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "review_comment",
            sa.String(length=1000),
            nullable=True,
        ),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('diploma', 'certificate', 'accreditation', 'licence', 'passport', 'portrait')",
            name=op.f("ck_document_kind_known"),
        ),
        sa.CheckConstraint(
            "status IN ('submitted', 'accepted', 'rejected', 'replaced', 'removed')",
            name=op.f("ck_document_status_known"),
        ),
        sa.CheckConstraint(
            "expires_on > issued_on", name=op.f("ck_document_expires_after_issue")
        ),
        sa.CheckConstraint(
            "pages BETWEEN 1 AND 100", name=op.f("ck_document_pages_range")
        ),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_document_size_positive")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_document_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("storage_name", name=op.f("uq_document_storage_name")),
    )
    op.create_index(
        "ix_document_user_id_kind", "document", ["user_id", "kind"], unique=False
    )
    op.create_index(
        "uq_document_one_in_force",
        "document",
        ["user_id", "kind"],
        unique=True,
        postgresql_where=sa.text("status = 'accepted'"),
    )
    op.create_index(
        "uq_document_one_waiting",
        "document",
        ["user_id", "kind"],
        unique=True,
        postgresql_where=sa.text("status = 'submitted'"),
    )
    op.create_table(
        "notification",
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
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column(
            "channel",
            sa.Enum(
                "email",
                "sms",
                "console",
                name="notificationchannel",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.String(length=2000), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "sent",
                "dead",
                name="notificationstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dedup_key", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "channel IN ('email', 'sms', 'console')",
            name=op.f("ck_notification_channel_known"),
        ),
        sa.CheckConstraint(
            "locale IN ('ru', 'en')", name=op.f("ck_notification_locale_known")
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'sent', 'dead')",
            name=op.f("ck_notification_status_known"),
        ),
        sa.CheckConstraint(
            "attempts >= 0", name=op.f("ck_notification_attempts_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_notification_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_notification_dedup_key")),
    )
    op.create_index(
        "ix_notification_user_id_created_at",
        "notification",
        ["user_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_notification_waiting",
        "notification",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_table(
        "profile_change",
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
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "approved",
                "rejected",
                "withdrawn",
                name="changestatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'withdrawn')",
            name=op.f("ck_profile_change_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["doctor_id"],
            ["app_user.id"],
            name=op.f("fk_profile_change_doctor_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_change")),
    )
    op.create_index(
        op.f("ix_profile_change_doctor_id"),
        "profile_change",
        ["doctor_id"],
        unique=False,
    )
    op.create_index(
        "uq_profile_change_pending",
        "profile_change",
        ["doctor_id"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_table(
        "recovery_code",
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
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_recovery_code_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index(
        op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"], unique=False
    )
    op.create_table(
        "shift",
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
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.Time(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "minutes BETWEEN 1 AND 1440", name=op.f("ck_shift_minutes_range")
        ),
        sa.CheckConstraint(
            "weekday BETWEEN 0 AND 6", name=op.f("ck_shift_weekday_range")
        ),
        sa.ForeignKeyConstraint(
            ["doctor_id"],
            ["app_user.id"],
            name=op.f("fk_shift_doctor_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
        sa.UniqueConstraint(
            "doctor_id",
            "weekday",
            "starts_at",
            name=op.f("uq_shift_doctor_id_weekday_starts_at"),
        ),
    )
    op.create_table(
        "shift_exception",
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
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.Time(), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("comment", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "(starts_at IS NULL) = (minutes IS NULL)",
            name=op.f("ck_shift_exception_hours_whole"),
        ),
        sa.CheckConstraint(
            "minutes BETWEEN 1 AND 1440", name=op.f("ck_shift_exception_minutes_range")
        ),
        sa.ForeignKeyConstraint(
            ["doctor_id"],
            ["app_user.id"],
            name=op.f("fk_shift_exception_doctor_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_exception")),
        sa.UniqueConstraint(
            "doctor_id", "day", name=op.f("uq_shift_exception_doctor_id_day")
        ),
    )
    op.create_table(
        "totp_secret",
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
        sa.Column("sealed", sa.String(length=500), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_totp_secret_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_totp_secret")),
        sa.UniqueConstraint("user_id", name=op.f("uq_totp_secret_user_id")),
    )
    op.create_table(
        "verification_code",
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
        sa.Column(
            "purpose",
            sa.Enum(
                "verification",
                "claim",
                "contact_change",
                "password_reset",
                "invitation",
                name="purpose",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum("email", "phone", name="channel", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("burnt_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "channel IN ('email', 'phone')",
            name=op.f("ck_verification_code_channel_known"),
        ),
        sa.CheckConstraint(
            "purpose IN ('verification', 'claim', 'contact_change', 'password_reset', 'invitation')",
            name=op.f("ck_verification_code_purpose_known"),
        ),
        sa.CheckConstraint(
            "tries_left >= 0", name=op.f("ck_verification_code_tries_left_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_verification_code_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_code")),
    )
    op.create_index(
        "ix_verification_code_user_id_purpose",
        "verification_code",
        ["user_id", "purpose"],
        unique=False,
    )
    op.create_table(
        "application_event",
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
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column(
            "from_status",
            sa.Enum(
                "draft",
                "submitted",
                "more_info",
                "approved",
                "rejected",
                "suspended",
                "withdrawn",
                name="applicationstatus",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "to_status",
            sa.Enum(
                "draft",
                "submitted",
                "more_info",
                "approved",
                "rejected",
                "suspended",
                "withdrawn",
                name="applicationstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
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
        sa.Column("comment", sa.String(length=2000), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "from_status IS NULL OR from_status IN ('draft', 'submitted', 'more_info', 'approved', 'rejected', 'suspended', 'withdrawn')",
            name=op.f("ck_application_event_from_status_known"),
        ),
        sa.CheckConstraint(
            "to_status IN ('draft', 'submitted', 'more_info', 'approved', 'rejected', 'suspended', 'withdrawn')",
            name=op.f("ck_application_event_to_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["doctor_application.id"],
            name=op.f("fk_application_event_application_id_doctor_application"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_event")),
        sa.UniqueConstraint(
            "application_id",
            "version",
            name=op.f("uq_application_event_application_id_version"),
        ),
    )
    op.add_column(
        "app_user",
        sa.Column("claimed_phone", sa.String(length=16), nullable=True),
    )
    op.add_column("app_user", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.add_column(
        "app_user", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "app_user",
        sa.Column("oidc_subject", sa.String(length=255), nullable=True),
    )
    op.create_index(
        op.f("ix_app_user_merged_into"), "app_user", ["merged_into"], unique=False
    )
    op.create_unique_constraint(
        op.f("uq_app_user_oidc_subject"), "app_user", ["oidc_subject"]
    )
    op.create_foreign_key(
        op.f("fk_app_user_merged_into_app_user"),
        "app_user",
        "app_user",
        ["merged_into"],
        ["id"],
        ondelete="RESTRICT",
    )
    op.add_column(
        "consent",
        sa.Column("text_hash", sa.String(length=64), nullable=True),
    )
    op.add_column(
        "doctor_profile",
        sa.Column("education", sa.String(length=2000), nullable=True),
    )
    op.add_column("doctor_profile", sa.Column("birth_date", sa.Date(), nullable=True))
    op.add_column(
        "doctor_profile",
        sa.Column("about", sa.String(length=2000), nullable=True),
    )
    op.add_column(
        "doctor_profile",
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "doctor_profile",
        sa.Column(
            "suspended_reason",
            sa.String(length=1000),
            nullable=True,
        ),
    )
    op.add_column(
        "doctor_state",
        sa.Column("duty_by", sa.String(length=4), nullable=False),
    )
    op.add_column(
        "staff_session",
        sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "staff_session",
        sa.Column("reauthenticated_at", sa.DateTime(timezone=True), nullable=True),
    )
    _known_tables()


def downgrade() -> None:
    op.drop_constraint(op.f("ck_doctor_state_duty_by_known"), "doctor_state")
    op.drop_constraint(op.f("ck_app_user_claimed_phone_e164"), "app_user")
    op.drop_constraint(op.f("ck_app_user_reachable"), "app_user")
    op.create_check_constraint(
        op.f("ck_app_user_reachable"),
        "app_user",
        "email IS NOT NULL OR phone IS NOT NULL",
    )
    op.drop_column("staff_session", "reauthenticated_at")
    op.drop_column("staff_session", "second_factor_at")
    op.drop_column("doctor_state", "duty_by")
    op.drop_column("doctor_profile", "suspended_reason")
    op.drop_column("doctor_profile", "suspended_at")
    op.drop_column("doctor_profile", "about")
    op.drop_column("doctor_profile", "birth_date")
    op.drop_column("doctor_profile", "education")
    op.drop_column("consent", "text_hash")
    op.drop_constraint(
        op.f("fk_app_user_merged_into_app_user"), "app_user", type_="foreignkey"
    )
    op.drop_constraint(op.f("uq_app_user_oidc_subject"), "app_user", type_="unique")
    op.drop_index(op.f("ix_app_user_merged_into"), table_name="app_user")
    op.drop_column("app_user", "oidc_subject")
    op.drop_column("app_user", "erased_at")
    op.drop_column("app_user", "merged_into")
    op.drop_column("app_user", "claimed_phone")
    op.drop_table("application_event")
    op.drop_index(
        "ix_verification_code_user_id_purpose", table_name="verification_code"
    )
    op.drop_table("verification_code")
    op.drop_table("totp_secret")
    op.drop_table("shift_exception")
    op.drop_table("shift")
    op.drop_index(op.f("ix_recovery_code_user_id"), table_name="recovery_code")
    op.drop_table("recovery_code")
    op.drop_index(
        "uq_profile_change_pending",
        table_name="profile_change",
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.drop_index(op.f("ix_profile_change_doctor_id"), table_name="profile_change")
    op.drop_table("profile_change")
    op.drop_index(
        "ix_notification_waiting",
        table_name="notification",
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.drop_index("ix_notification_user_id_created_at", table_name="notification")
    op.drop_table("notification")
    op.drop_index(
        "uq_document_one_waiting",
        table_name="document",
        postgresql_where=sa.text("status = 'submitted'"),
    )
    op.drop_index(
        "uq_document_one_in_force",
        table_name="document",
        postgresql_where=sa.text("status = 'accepted'"),
    )
    op.drop_index("ix_document_user_id_kind", table_name="document")
    op.drop_table("document")
    op.drop_index(
        "uq_doctor_application_live",
        table_name="doctor_application",
        postgresql_where=sa.text("status NOT IN ('rejected', 'withdrawn')"),
    )
    op.drop_index(
        op.f("ix_doctor_application_user_id"), table_name="doctor_application"
    )
    op.drop_index(
        "ix_doctor_application_status_submitted_at", table_name="doctor_application"
    )
    op.drop_table("doctor_application")
    op.drop_table("holiday")
    op.drop_index(
        "uq_consent_text_current",
        table_name="consent_text",
        postgresql_where=sa.text("current"),
    )
    op.drop_table("consent_text")
