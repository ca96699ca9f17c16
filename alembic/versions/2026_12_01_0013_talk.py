"""Tables of talk: messages, tickets, Telegram, wishes about notifications.

Revision 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Added without a look at the rows, then proved without a lock that stops writers.
WORDS = (
    (
        "channel_known",
        "channel IN ('telegram', 'sms', 'email', 'console')",
        "channel IN ('email', 'sms', 'console')",
    ),
    (
        "status_known",
        "status IN ('queued', 'sent', 'delivered', 'dead', 'replaced', 'dropped')",
        "status IN ('queued', 'sent', 'dead')",
    ),
)
SENIOR = "NOT senior OR role = 'dispatcher'"


def upgrade() -> None:
    op.create_table(
        "quick_reply",
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
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.CheckConstraint(
            "char_length(text) >= 1", name=op.f("ck_quick_reply_text_not_empty")
        ),
        sa.CheckConstraint(
            "position BETWEEN 1 AND 99", name=op.f("ck_quick_reply_position_range")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quick_reply")),
        sa.UniqueConstraint("position", name=op.f("uq_quick_reply_position")),
    )
    op.create_table(
        "telegram_update",
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
        sa.Column("update_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telegram_update")),
        sa.UniqueConstraint("update_id", name=op.f("uq_telegram_update_update_id")),
    )
    op.create_index(
        "ix_telegram_update_created_at", "telegram_update", ["created_at"], unique=False
    )
    op.create_table(
        "notification_preference",
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
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint(
            "channels <@ ARRAY['telegram', 'sms', 'email']",
            name=op.f("ck_notification_preference_channels_known"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_notification_preference_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_preference")),
        sa.UniqueConstraint(
            "user_id", "kind", name=op.f("uq_notification_preference_user_id_kind")
        ),
    )
    op.create_table(
        "quiet_hours",
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
        sa.Column("starts_at", sa.Time(), nullable=False),
        sa.Column("ends_at", sa.Time(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_quiet_hours_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiet_hours")),
        sa.UniqueConstraint("user_id", name=op.f("uq_quiet_hours_user_id")),
    )
    op.create_table(
        "telegram_link",
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
            "state",
            sa.Enum(
                "offered",
                "claimed",
                "linked",
                "ended",
                name="linkstate",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("chat_name", sa.String(length=200), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "(state = 'ended') = (ended_at IS NOT NULL)",
            name=op.f("ck_telegram_link_ended_stamp"),
        ),
        sa.CheckConstraint(
            "state IN ('offered', 'claimed', 'linked', 'ended')",
            name=op.f("ck_telegram_link_state_known"),
        ),
        sa.CheckConstraint(
            "state IN ('offered', 'ended') OR chat_id IS NOT NULL",
            name=op.f("ck_telegram_link_chat_known"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_telegram_link_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telegram_link")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_telegram_link_code_hash")),
    )
    op.create_index(
        op.f("ix_telegram_link_user_id"), "telegram_link", ["user_id"], unique=False
    )
    op.create_index(
        "uq_telegram_link_chat",
        "telegram_link",
        ["chat_id"],
        unique=True,
        postgresql_where=sa.text("state = 'linked'"),
    )
    op.create_index(
        "uq_telegram_link_open",
        "telegram_link",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('offered', 'claimed')"),
    )
    op.create_index(
        "uq_telegram_link_user",
        "telegram_link",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("state = 'linked'"),
    )
    op.create_table(
        "chat_ticket",
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
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
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
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('patient', 'doctor')", name=op.f("ck_chat_ticket_role_known")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_chat_ticket_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_chat_ticket_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_ticket")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_chat_ticket_token_hash")),
    )
    op.create_index(
        "ix_chat_ticket_expires_at", "chat_ticket", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_chat_ticket_user_id"), "chat_ticket", ["user_id"], unique=False
    )
    op.create_table(
        "message",
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
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "text",
                "image",
                "system",
                name="messagekind",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("sender_id", sa.Uuid(), nullable=True),
        sa.Column(
            "sender_role",
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
        sa.Column("text", sa.String(length=4000), nullable=True),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("event", sa.String(length=40), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=True),
        sa.Column("media_type", sa.String(length=60), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("storage_name", sa.String(length=80), nullable=True),
        sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hidden_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'image') = (media_type IS NOT NULL) AND (kind = 'image') = (size_bytes IS NOT NULL)",
            name=op.f("ck_message_image_whole"),
        ),
        sa.CheckConstraint(
            "(kind = 'system') = (sender_id IS NULL) AND (kind = 'system') = (sender_role = 'system') AND (kind = 'system') = (event IS NOT NULL)",
            name=op.f("ck_message_system_whole"),
        ),
        sa.CheckConstraint(
            "kind <> 'text' OR char_length(text) >= 1",
            name=op.f("ck_message_text_not_empty"),
        ),
        sa.CheckConstraint(
            "kind IN ('text', 'image', 'system')", name=op.f("ck_message_kind_known")
        ),
        sa.CheckConstraint(
            "sender_role IN ('patient', 'doctor', 'dispatcher', 'system')",
            name=op.f("ck_message_sender_role_known"),
        ),
        sa.CheckConstraint(
            "(hidden_at IS NULL) = (hidden_by IS NULL)",
            name=op.f("ck_message_hidden_whole"),
        ),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_message_seq_positive")),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_message_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["sender_id"],
            ["app_user.id"],
            name=op.f("fk_message_sender_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint(
            "booking_id",
            "sender_id",
            "client_id",
            name=op.f("uq_message_booking_id_sender_id_client_id"),
        ),
        sa.UniqueConstraint(
            "booking_id", "seq", name=op.f("uq_message_booking_id_seq")
        ),
        sa.UniqueConstraint("storage_name", name=op.f("uq_message_storage_name")),
    )
    op.create_index("ix_message_created_at", "message", ["created_at"], unique=False)
    op.create_index(
        "ix_message_sender_id_created_at",
        "message",
        ["sender_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "message_read",
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
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("up_to_seq", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(role = 'dispatcher') = (user_id IS NULL) AND role IN ('patient', 'doctor', 'dispatcher')",
            name=op.f("ck_message_read_side_known"),
        ),
        sa.CheckConstraint(
            "up_to_seq >= 0", name=op.f("ck_message_read_up_to_seq_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_message_read_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_message_read_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_read")),
        sa.UniqueConstraint(
            "booking_id",
            "role",
            "user_id",
            name=op.f("uq_message_read_booking_id_role_user_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "talk_link",
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
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
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
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("page_hash", sa.String(length=64), nullable=True),
        sa.Column("page_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('patient', 'doctor')", name=op.f("ck_talk_link_role_known")
        ),
        sa.CheckConstraint(
            "(page_hash IS NULL) = (opened_at IS NULL)",
            name=op.f("ck_talk_link_opened_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_talk_link_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_talk_link_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talk_link")),
        sa.UniqueConstraint("page_hash", name=op.f("uq_talk_link_page_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_talk_link_token_hash")),
    )
    op.create_index(
        "ix_talk_link_expires_at", "talk_link", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_talk_link_user_id"), "talk_link", ["user_id"], unique=False
    )
    op.create_table(
        "telegram_dialog",
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
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "kind IN ('complete', 'decline', 'cancel', 'flag', 'chat')",
            name=op.f("ck_telegram_dialog_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["booking.id"],
            name=op.f("fk_telegram_dialog_booking_id_booking"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_telegram_dialog_user_id_app_user"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telegram_dialog")),
        sa.UniqueConstraint("user_id", name=op.f("uq_telegram_dialog_user_id")),
    )
    op.create_index(
        op.f("ix_telegram_dialog_booking_id"),
        "telegram_dialog",
        ["booking_id"],
        unique=False,
    )
    op.add_column("notification", sa.Column("booking_id", sa.Uuid(), nullable=True))
    op.add_column(
        "notification",
        sa.Column(
            "urgent", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.add_column("notification", sa.Column("chain_id", sa.Uuid(), nullable=True))
    op.add_column(
        "notification", sa.Column("provider_id", sa.String(length=80), nullable=True)
    )
    op.add_column(
        "notification",
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index(
        "ix_notification_booking_id",
        "notification",
        ["booking_id"],
        unique=False,
        postgresql_where=sa.text("booking_id IS NOT NULL"),
    )
    op.create_index(
        "ix_notification_chain_id", "notification", ["chain_id"], unique=False
    )
    op.create_index(
        "ix_notification_unconfirmed",
        "notification",
        ["sent_at"],
        unique=False,
        postgresql_where=sa.text("status = 'sent' AND channel = 'sms'"),
    )
    op.create_foreign_key(
        op.f("fk_notification_booking_id_booking"),
        "notification",
        "booking",
        ["booking_id"],
        ["id"],
        ondelete="RESTRICT",
    )
    op.add_column(
        "role_grant",
        sa.Column(
            "senior", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    _rule("role_grant", "senior_of_whom", SENIOR)
    for name, rule, _ in WORDS:
        op.execute(f"ALTER TABLE notification DROP CONSTRAINT ck_notification_{name}")
        _rule("notification", name, rule)


def _rule(table: str, name: str, rule: str) -> None:
    full = f"ck_{table}_{name}"
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {full} CHECK ({rule}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {full}")


def downgrade() -> None:
    op.execute(
        "DELETE FROM notification"
        " WHERE channel = 'telegram' OR status NOT IN ('queued', 'sent', 'dead')"
    )
    for name, _, rule in WORDS:
        op.execute(f"ALTER TABLE notification DROP CONSTRAINT ck_notification_{name}")
        _rule("notification", name, rule)
    op.drop_column("role_grant", "senior")
    op.drop_constraint(
        op.f("fk_notification_booking_id_booking"), "notification", type_="foreignkey"
    )
    op.drop_index(
        "ix_notification_unconfirmed",
        table_name="notification",
        postgresql_where=sa.text("status = 'sent' AND channel = 'sms'"),
    )
    op.drop_index("ix_notification_chain_id", table_name="notification")
    op.drop_index(
        "ix_notification_booking_id",
        table_name="notification",
        postgresql_where=sa.text("booking_id IS NOT NULL"),
    )
    op.drop_column("notification", "delivered_at")
    op.drop_column("notification", "provider_id")
    op.drop_column("notification", "chain_id")
    op.drop_column("notification", "urgent")
    op.drop_column("notification", "booking_id")
    op.drop_index(op.f("ix_telegram_dialog_booking_id"), table_name="telegram_dialog")
    op.drop_table("telegram_dialog")
    op.drop_index(op.f("ix_talk_link_user_id"), table_name="talk_link")
    op.drop_index("ix_talk_link_expires_at", table_name="talk_link")
    op.drop_table("talk_link")
    op.drop_table("message_read")
    op.drop_index("ix_message_sender_id_created_at", table_name="message")
    op.drop_index("ix_message_created_at", table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_chat_ticket_user_id"), table_name="chat_ticket")
    op.drop_index("ix_chat_ticket_expires_at", table_name="chat_ticket")
    op.drop_table("chat_ticket")
    op.drop_index(
        "uq_telegram_link_user",
        table_name="telegram_link",
        postgresql_where=sa.text("state = 'linked'"),
    )
    op.drop_index(
        "uq_telegram_link_open",
        table_name="telegram_link",
        postgresql_where=sa.text("state IN ('offered', 'claimed')"),
    )
    op.drop_index(
        "uq_telegram_link_chat",
        table_name="telegram_link",
        postgresql_where=sa.text("state = 'linked'"),
    )
    op.drop_index(op.f("ix_telegram_link_user_id"), table_name="telegram_link")
    op.drop_table("telegram_link")
    op.drop_table("quiet_hours")
    op.drop_table("notification_preference")
    op.drop_index("ix_telegram_update_created_at", table_name="telegram_update")
    op.drop_table("telegram_update")
    op.drop_table("quick_reply")
