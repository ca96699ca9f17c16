"""All tables, as the models declare them.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = [
    "booking_item",
    "booking_event",
    "assignment",
    "staff_session",
    "role_grant",
    "refresh_token",
    "patient_profile",
    "doctor_state",
    "doctor_profile",
    "consent",
    "clinic_member",
    "booking",
    "address",
    "street",
    "setting",
    "rate_limit",
    "price_item",
    "presence",
    "idempotency_record",
    "clinic_profile",
    "audit_event",
    "app_user",
]


def upgrade() -> None:
    op.create_table(
        "app_user",
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
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("middle_name", sa.String(length=100), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column("theme", sa.String(length=5), nullable=False),
        sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("phone_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_reason", sa.String(length=500), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("auth_version", sa.Integer(), nullable=False),
        sa.Column(
            "search_name",
            sa.Text(),
            sa.Computed(
                "lower(last_name || ' ' || first_name || ' ' || coalesce(middle_name, ''))",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "locale IN ('ru', 'en')", name=op.f("ck_app_user_locale_known")
        ),
        sa.CheckConstraint(
            "phone ~ '^\\+[1-9][0-9]{7,14}$'", name=op.f("ck_app_user_phone_e164")
        ),
        sa.CheckConstraint(
            "theme IN ('auto', 'light', 'dark')", name=op.f("ck_app_user_theme_known")
        ),
        sa.CheckConstraint(
            "email IS NOT NULL OR phone IS NOT NULL", name=op.f("ck_app_user_reachable")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("phone", name=op.f("uq_app_user_phone")),
    )
    op.create_index(
        "ix_app_user_phone_trgm",
        "app_user",
        ["phone"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"phone": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_app_user_search_name_trgm",
        "app_user",
        ["search_name"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_name": "gin_trgm_ops"},
    )
    op.create_index(
        "uq_app_user_email_lower",
        "app_user",
        [sa.literal_column("lower(email)")],
        unique=True,
    )
    op.create_table(
        "audit_event",
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
            nullable=True,
        ),
        sa.Column("via", sa.String(length=10), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("object_type", sa.String(length=40), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "acting_as IS NULL OR acting_as IN ('patient', 'doctor', 'clinic', 'dispatcher', 'curator', 'finance', 'admin', 'system')",
            name=op.f("ck_audit_event_acting_as_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index(
        "ix_audit_event_actor_id_created_at",
        "audit_event",
        ["actor_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_audit_event_created_at", "audit_event", ["created_at"], unique=False
    )
    op.create_index(
        "ix_audit_event_object_id_created_at",
        "audit_event",
        ["object_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "clinic_profile",
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
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("licence_number", sa.String(length=60), nullable=True),
        sa.Column("tax_number", sa.String(length=12), nullable=True),
        sa.Column("address", sa.String(length=300), nullable=True),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic_profile")),
        sa.UniqueConstraint("name", name=op.f("uq_clinic_profile_name")),
    )
    op.create_table(
        "idempotency_record",
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
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_record")),
        sa.UniqueConstraint(
            "user_id",
            "method",
            "path",
            "key",
            name=op.f("uq_idempotency_record_user_id_method_path_key"),
        ),
    )
    op.create_table(
        "presence",
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
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence")),
        sa.UniqueConstraint(
            "user_id", "booking_id", name=op.f("uq_presence_user_id_booking_id")
        ),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        op.f("ix_presence_booking_id"), "presence", ["booking_id"], unique=False
    )
    op.create_table(
        "price_item",
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
            sa.Enum("visit", "extra", name="pricekind", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("title_ru", sa.String(length=200), nullable=False),
        sa.Column("title_en", sa.String(length=200), nullable=False),
        sa.Column(
            "call_type",
            sa.Enum(
                "urgent",
                "scheduled",
                "consultation",
                name="calltype",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "specialization",
            sa.Enum(
                "therapist",
                "pediatrician",
                "cardiologist",
                "neurologist",
                "otolaryngologist",
                "surgeon",
                "dermatologist",
                "gastroenterologist",
                "gynecologist",
                "urologist",
                "ophthalmologist",
                "orthopedist",
                "endocrinologist",
                "psychiatrist",
                name="specialization",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("price_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'visit') = (call_type IS NOT NULL)",
            name=op.f("ck_price_item_visit_has_call_type"),
        ),
        sa.CheckConstraint(
            "call_type IS NULL OR call_type IN ('urgent', 'scheduled', 'consultation')",
            name=op.f("ck_price_item_call_type_known"),
        ),
        sa.CheckConstraint(
            "kind IN ('visit', 'extra')", name=op.f("ck_price_item_kind_known")
        ),
        sa.CheckConstraint(
            "specialization IS NULL OR specialization IN ('therapist', 'pediatrician', 'cardiologist', 'neurologist', 'otolaryngologist', 'surgeon', 'dermatologist', 'gastroenterologist', 'gynecologist', 'urologist', 'ophthalmologist', 'orthopedist', 'endocrinologist', 'psychiatrist')",
            name=op.f("ck_price_item_specialization_known"),
        ),
        sa.CheckConstraint(
            "price_kopecks BETWEEN 0 AND 100000000",
            name=op.f("ck_price_item_price_range"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_item")),
    )
    op.create_table(
        "rate_limit",
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
        sa.Column("bucket", sa.String(length=200), nullable=False),
        sa.Column("window_starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_limit")),
        sa.UniqueConstraint(
            "bucket",
            "window_starts_at",
            name=op.f("uq_rate_limit_bucket_window_starts_at"),
        ),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        op.f("ix_rate_limit_window_starts_at"),
        "rate_limit",
        ["window_starts_at"],
        unique=False,
    )
    op.create_table(
        "setting",
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
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setting")),
        sa.UniqueConstraint("key", name=op.f("uq_setting_key")),
    )
    op.create_table(
        "street",
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
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("district", sa.String(length=80), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "(latitude IS NULL) = (longitude IS NULL)",
            name=op.f("ck_street_point_whole"),
        ),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90", name=op.f("ck_street_latitude_range")
        ),
        sa.CheckConstraint(
            "longitude BETWEEN -180 AND 180", name=op.f("ck_street_longitude_range")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_street")),
        sa.UniqueConstraint("name", "district", name=op.f("uq_street_name_district")),
    )
    op.create_index(
        "ix_street_search_trgm",
        "street",
        [sa.literal_column("lower(name)").label("search_name")],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_name": "gin_trgm_ops"},
    )
    op.create_table(
        "address",
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
        sa.Column("label", sa.String(length=60), nullable=True),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("entrance", sa.String(length=20), nullable=True),
        sa.Column("floor", sa.String(length=20), nullable=True),
        sa.Column("intercom", sa.String(length=40), nullable=True),
        sa.Column("flat", sa.String(length=20), nullable=True),
        sa.Column("notes", sa.String(length=500), nullable=True),
        sa.Column("district", sa.String(length=80), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "(latitude IS NULL) = (longitude IS NULL)",
            name=op.f("ck_address_point_whole"),
        ),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90", name=op.f("ck_address_latitude_range")
        ),
        sa.CheckConstraint(
            "longitude BETWEEN -180 AND 180", name=op.f("ck_address_longitude_range")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_address_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address")),
    )
    op.create_index(op.f("ix_address_user_id"), "address", ["user_id"], unique=False)
    op.create_table(
        "booking",
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
            server_default=sa.text("nextval('booking_number_seq')"),
            nullable=False,
        ),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "assigned",
                "accepted",
                "en_route",
                "in_progress",
                "completed",
                "cancelled",
                name="status",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "call_type",
            sa.Enum(
                "urgent",
                "scheduled",
                "consultation",
                name="calltype",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "priority",
            sa.Enum(
                "emergency",
                "high",
                "normal",
                "low",
                name="priority",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "specialization",
            sa.Enum(
                "therapist",
                "pediatrician",
                "cardiologist",
                "neurologist",
                "otolaryngologist",
                "surgeon",
                "dermatologist",
                "gastroenterologist",
                "gynecologist",
                "urologist",
                "ophthalmologist",
                "orthopedist",
                "endocrinologist",
                "psychiatrist",
                name="specialization",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("symptoms", sa.String(length=2000), nullable=False),
        sa.Column(
            "flags", sa.ARRAY(sa.String(length=40)), server_default="{}", nullable=False
        ),
        sa.Column("subject_name", sa.String(length=200), nullable=True),
        sa.Column("subject_birth_date", sa.Date(), nullable=True),
        sa.Column(
            "subject_sex",
            sa.Enum("female", "male", name="sex", native_enum=False, length=40),
            nullable=True,
        ),
        sa.Column("subject_allergies", sa.String(length=2000), nullable=True),
        sa.Column("subject_chronic_conditions", sa.String(length=2000), nullable=True),
        sa.Column("subject_contact_phone", sa.String(length=16), nullable=True),
        sa.Column("address_text", sa.String(length=300), nullable=False),
        sa.Column("entrance", sa.String(length=20), nullable=True),
        sa.Column("floor", sa.String(length=20), nullable=True),
        sa.Column("intercom", sa.String(length=40), nullable=True),
        sa.Column("flat", sa.String(length=20), nullable=True),
        sa.Column("address_notes", sa.String(length=500), nullable=True),
        sa.Column("district", sa.String(length=80), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("wanted_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wanted_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("preferred_doctor_id", sa.Uuid(), nullable=True),
        sa.Column("clinic_id", sa.Uuid(), nullable=True),
        sa.Column("stop_id", sa.Uuid(), nullable=False),
        sa.Column("price_kopecks", sa.BigInteger(), nullable=False),
        sa.Column(
            "source",
            sa.Enum(
                "api",
                "phone",
                "bot",
                name="bookingsource",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actual_minutes", sa.Integer(), nullable=True),
        sa.Column("conclusion", sa.String(length=10000), nullable=True),
        sa.Column(
            "cancel_reason_code",
            sa.Enum(
                "patient_changed_mind",
                "patient_absent",
                "refused_on_site",
                "no_doctor",
                "duplicate",
                "false_call",
                "clinic_fault",
                "other",
                name="cancelreason",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("cancel_comment", sa.String(length=1000), nullable=True),
        sa.Column(
            "search_text",
            sa.Text(),
            sa.Computed(
                "lower(address_text || ' ' || coalesce(subject_name, ''))",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancel_reason_code IS NOT NULL)",
            name=op.f("ck_booking_cancelled_reason"),
        ),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancelled_at IS NOT NULL)",
            name=op.f("ck_booking_cancelled_stamp"),
        ),
        sa.CheckConstraint(
            "(status = 'completed') = (completed_at IS NOT NULL)",
            name=op.f("ck_booking_completed_stamp"),
        ),
        sa.CheckConstraint(
            "(status = 'completed') = (conclusion IS NOT NULL)",
            name=op.f("ck_booking_conclusion_once"),
        ),
        sa.CheckConstraint(
            "call_type IN ('urgent', 'scheduled', 'consultation')",
            name=op.f("ck_booking_call_type_known"),
        ),
        sa.CheckConstraint(
            "cancel_reason_code IS NULL OR cancel_reason_code IN ('patient_changed_mind', 'patient_absent', 'refused_on_site', 'no_doctor', 'duplicate', 'false_call', 'clinic_fault', 'other')",
            name=op.f("ck_booking_cancel_reason_code_known"),
        ),
        sa.CheckConstraint(
            "priority IN ('emergency', 'high', 'normal', 'low')",
            name=op.f("ck_booking_priority_known"),
        ),
        sa.CheckConstraint(
            "source IN ('api', 'phone', 'bot')", name=op.f("ck_booking_source_known")
        ),
        sa.CheckConstraint(
            "specialization IN ('therapist', 'pediatrician', 'cardiologist', 'neurologist', 'otolaryngologist', 'surgeon', 'dermatologist', 'gastroenterologist', 'gynecologist', 'urologist', 'ophthalmologist', 'orthopedist', 'endocrinologist', 'psychiatrist')",
            name=op.f("ck_booking_specialization_known"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'assigned', 'accepted', 'en_route', 'in_progress', 'completed', 'cancelled')",
            name=op.f("ck_booking_status_known"),
        ),
        sa.CheckConstraint(
            "subject_sex IS NULL OR subject_sex IN ('female', 'male')",
            name=op.f("ck_booking_subject_sex_known"),
        ),
        sa.CheckConstraint(
            "(latitude IS NULL) = (longitude IS NULL)",
            name=op.f("ck_booking_point_whole"),
        ),
        sa.CheckConstraint(
            "actual_minutes BETWEEN 1 AND 1440", name=op.f("ck_booking_minutes_range")
        ),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90", name=op.f("ck_booking_latitude_range")
        ),
        sa.CheckConstraint(
            "longitude BETWEEN -180 AND 180", name=op.f("ck_booking_longitude_range")
        ),
        sa.CheckConstraint(
            "price_kopecks >= 0", name=op.f("ck_booking_price_not_negative")
        ),
        sa.CheckConstraint(
            "subject_name IS NOT NULL OR (subject_birth_date IS NULL AND subject_sex IS NULL AND subject_allergies IS NULL AND subject_chronic_conditions IS NULL AND subject_contact_phone IS NULL)",
            name=op.f("ck_booking_subject_whole"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_booking_version_positive")),
        sa.CheckConstraint(
            "wanted_to > wanted_from", name=op.f("ck_booking_wanted_window")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id"],
            ["clinic_profile.id"],
            name=op.f("fk_booking_clinic_id_clinic_profile"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["app_user.id"],
            name=op.f("fk_booking_patient_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["preferred_doctor_id"],
            ["app_user.id"],
            name=op.f("fk_booking_preferred_doctor_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
        sa.UniqueConstraint("number", name=op.f("uq_booking_number")),
    )
    op.create_index(
        "ix_booking_clinic_id",
        "booking",
        ["clinic_id"],
        unique=False,
        postgresql_where=sa.text("clinic_id IS NOT NULL"),
    )
    op.create_index(
        "ix_booking_closed_at",
        "booking",
        [sa.literal_column("coalesce(completed_at, cancelled_at)")],
        unique=False,
        postgresql_where=sa.text("status IN ('completed', 'cancelled')"),
    )
    op.create_index("ix_booking_created_at", "booking", ["created_at"], unique=False)
    op.create_index(
        "ix_booking_open",
        "booking",
        ["priority", "created_at"],
        unique=False,
        postgresql_where=sa.text(
            "status IN ('pending', 'assigned', 'accepted', 'en_route', 'in_progress')"
        ),
    )
    op.create_index(
        "ix_booking_patient_id_created_at",
        "booking",
        ["patient_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_booking_search_text_trgm",
        "booking",
        ["search_text"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_booking_status_created_at",
        "booking",
        ["status", "created_at"],
        unique=False,
    )
    op.create_index("ix_booking_stop_id", "booking", ["stop_id"], unique=False)
    op.create_table(
        "clinic_member",
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
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"],
            ["clinic_profile.id"],
            name=op.f("fk_clinic_member_clinic_id_clinic_profile"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_clinic_member_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic_member")),
        sa.UniqueConstraint("user_id", name=op.f("uq_clinic_member_user_id")),
    )
    op.create_index(
        op.f("ix_clinic_member_clinic_id"), "clinic_member", ["clinic_id"], unique=False
    )
    op.create_table(
        "consent",
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
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("client_address", sa.String(length=45), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_consent_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint(
            "user_id", "kind", "version", name=op.f("uq_consent_user_id_kind_version")
        ),
    )
    op.create_table(
        "doctor_profile",
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
            "specializations", postgresql.ARRAY(sa.String(length=40)), nullable=False
        ),
        sa.Column("licence_number", sa.String(length=60), nullable=False),
        sa.Column("licence_expires_on", sa.Date(), nullable=False),
        sa.Column("documents_valid_until", sa.Date(), nullable=True),
        sa.Column("experience_years", sa.Integer(), nullable=True),
        sa.Column("languages", postgresql.ARRAY(sa.String(length=8)), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=True),
        sa.Column("home_district", sa.String(length=80), nullable=True),
        sa.Column("home_latitude", sa.Float(), nullable=True),
        sa.Column("home_longitude", sa.Float(), nullable=True),
        sa.Column("rating", sa.Numeric(precision=3, scale=2), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(home_latitude IS NULL) = (home_longitude IS NULL)",
            name=op.f("ck_doctor_profile_home_whole"),
        ),
        sa.CheckConstraint(
            "cardinality(specializations) BETWEEN 1 AND 5",
            name=op.f("ck_doctor_profile_specializations_some"),
        ),
        sa.CheckConstraint(
            "experience_years BETWEEN 0 AND 80",
            name=op.f("ck_doctor_profile_experience_range"),
        ),
        sa.CheckConstraint(
            "home_latitude BETWEEN -90 AND 90",
            name=op.f("ck_doctor_profile_home_latitude"),
        ),
        sa.CheckConstraint(
            "home_longitude BETWEEN -180 AND 180",
            name=op.f("ck_doctor_profile_home_longitude"),
        ),
        sa.CheckConstraint(
            "rating BETWEEN 1 AND 5", name=op.f("ck_doctor_profile_rating_range")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id"],
            ["clinic_profile.id"],
            name=op.f("fk_doctor_profile_clinic_id_clinic_profile"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_doctor_profile_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctor_profile")),
        sa.UniqueConstraint("user_id", name=op.f("uq_doctor_profile_user_id")),
    )
    op.create_index(
        op.f("ix_doctor_profile_clinic_id"),
        "doctor_profile",
        ["clinic_id"],
        unique=False,
    )
    op.create_index(
        "ix_doctor_profile_specializations",
        "doctor_profile",
        ["specializations"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        "ix_doctor_profile_home",
        "doctor_profile",
        [sa.literal_column("point(home_longitude * 0.5627, home_latitude)")],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("home_latitude IS NOT NULL"),
    )
    op.create_table(
        "doctor_state",
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
        sa.Column("on_duty", sa.Boolean(), nullable=False),
        sa.Column("duty_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column("position_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(latitude IS NULL) = (longitude IS NULL)",
            name=op.f("ck_doctor_state_point_whole"),
        ),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90", name=op.f("ck_doctor_state_latitude_range")
        ),
        sa.CheckConstraint(
            "longitude BETWEEN -180 AND 180",
            name=op.f("ck_doctor_state_longitude_range"),
        ),
        sa.ForeignKeyConstraint(
            ["doctor_id"],
            ["app_user.id"],
            name=op.f("fk_doctor_state_doctor_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctor_state")),
        sa.UniqueConstraint("doctor_id", name=op.f("uq_doctor_state_doctor_id")),
    )
    op.create_index(
        "ix_doctor_state_point",
        "doctor_state",
        [sa.literal_column("point(longitude * 0.5627, latitude)")],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("latitude IS NOT NULL"),
    )
    op.create_table(
        "patient_profile",
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
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column(
            "sex",
            sa.Enum("female", "male", name="sex", native_enum=False, length=40),
            nullable=True,
        ),
        sa.Column(
            "blood_type",
            sa.Enum(
                "O-",
                "O+",
                "A-",
                "A+",
                "B-",
                "B+",
                "AB-",
                "AB+",
                name="bloodtype",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("insurance_number", sa.String(length=32), nullable=True),
        sa.Column("allergies", sa.String(length=2000), nullable=True),
        sa.Column("chronic_conditions", sa.String(length=2000), nullable=True),
        sa.Column("emergency_contact", sa.String(length=300), nullable=True),
        sa.CheckConstraint(
            "blood_type IS NULL OR blood_type IN ('O-', 'O+', 'A-', 'A+', 'B-', 'B+', 'AB-', 'AB+')",
            name=op.f("ck_patient_profile_blood_type_known"),
        ),
        sa.CheckConstraint(
            "sex IS NULL OR sex IN ('female', 'male')",
            name=op.f("ck_patient_profile_sex_known"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_patient_profile_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_profile")),
        sa.UniqueConstraint("user_id", name=op.f("uq_patient_profile_user_id")),
    )
    op.create_table(
        "refresh_token",
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
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_refresh_token_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_token_token_hash")),
    )
    op.create_index(
        op.f("ix_refresh_token_expires_at"),
        "refresh_token",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_refresh_token_family_id"), "refresh_token", ["family_id"], unique=False
    )
    op.create_index(
        op.f("ix_refresh_token_user_id"), "refresh_token", ["user_id"], unique=False
    )
    op.create_table(
        "role_grant",
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
            "role",
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
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revoke_reason", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "role <> 'system'", name=op.f("ck_role_grant_system_never_granted")
        ),
        sa.CheckConstraint(
            "role IN ('patient', 'doctor', 'clinic', 'dispatcher', 'curator', 'finance', 'admin', 'system')",
            name=op.f("ck_role_grant_role_known"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_role_grant_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    op.create_index(
        "uq_role_grant_live",
        "role_grant",
        ["user_id", "role"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_index(
        "uq_role_grant_one_staff_role",
        "role_grant",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text(
            "revoked_at IS NULL AND role IN ('dispatcher', 'curator', 'finance', 'admin')"
        ),
    )
    op.create_table(
        "staff_session",
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
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("auth_version", sa.Integer(), nullable=False),
        sa.Column("client_address", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=300), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "flashes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_staff_session_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_session_token_hash")),
    )
    op.create_index(
        op.f("ix_staff_session_user_id"), "staff_session", ["user_id"], unique=False
    )
    op.create_table(
        "assignment",
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
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("stop_id", sa.Uuid(), nullable=False),
        sa.Column("planned_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("planned_window", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("travel_minutes", sa.Integer(), nullable=False),
        sa.Column("assigned_by", sa.Uuid(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("departed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "completed",
                "cancelled",
                "declined",
                "unassigned",
                "reassigned",
                name="outcome",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("outcome_reason", sa.String(length=1000), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("doctor_id"), "="),
            (sa.column("stop_id"), "<>"),
            (sa.column("planned_window"), "&&"),
            where=sa.text("released_at IS NULL"),
            using="gist",
            name="ex_assignment_one_place",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("doctor_id"), "="),
            (sa.column("stop_id"), "<>"),
            where=sa.text(
                "released_at IS NULL AND (departed_at IS NOT NULL OR started_at IS NOT NULL)"
            ),
            using="gist",
            name="ex_assignment_under_way_once",
        ),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome IN ('completed', 'cancelled', 'declined', 'unassigned', 'reassigned')",
            name=op.f("ck_assignment_outcome_known"),
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (released_at IS NULL)",
            name=op.f("ck_assignment_outcome_on_release"),
        ),
        sa.CheckConstraint(
            "NOT isempty(planned_window) AND lower(planned_window) IS NOT NULL AND upper(planned_window) IS NOT NULL AND planned_start <@ planned_window",
            name=op.f("ck_assignment_window_holds_start"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_assignment_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["doctor_id"],
            ["app_user.id"],
            name=op.f("fk_assignment_doctor_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    op.create_index(
        "ix_assignment_booking_id", "assignment", ["booking_id"], unique=False
    )
    op.create_index(
        "ix_assignment_doctor_id_planned_start",
        "assignment",
        ["doctor_id", "planned_start"],
        unique=False,
    )
    op.create_index(
        "uq_assignment_shown",
        "assignment",
        ["booking_id"],
        unique=True,
        postgresql_where=sa.text(
            "outcome IS NULL OR outcome IN ('completed', 'cancelled')"
        ),
    )
    op.create_table(
        "booking_event",
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
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column(
            "from_status",
            sa.Enum(
                "pending",
                "assigned",
                "accepted",
                "en_route",
                "in_progress",
                "completed",
                "cancelled",
                name="status",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "to_status",
            sa.Enum(
                "pending",
                "assigned",
                "accepted",
                "en_route",
                "in_progress",
                "completed",
                "cancelled",
                name="status",
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
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_booking_event_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_event")),
        sa.UniqueConstraint(
            "booking_id", "version", name=op.f("uq_booking_event_booking_id_version")
        ),
    )
    op.create_index(
        "ix_booking_event_created_at", "booking_event", ["created_at"], unique=False
    )
    op.create_table(
        "booking_item",
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
        sa.Column("price_item_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price_kopecks", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "price_kopecks >= 0", name=op.f("ck_booking_item_price_not_negative")
        ),
        sa.CheckConstraint(
            "quantity BETWEEN 1 AND 100", name=op.f("ck_booking_item_quantity_range")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_booking_item_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["price_item_id"],
            ["price_item.id"],
            name=op.f("fk_booking_item_price_item_id_price_item"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_item")),
    )
    op.create_index(
        op.f("ix_booking_item_booking_id"), "booking_item", ["booking_id"], unique=False
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
