"""Sessions from a provider of identities, notices not seen yet, duty by plan.

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column(
        "by_provider", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("staff_session", column)
    op.add_column("totp_secret", sa.Column("begun_in", sa.Uuid(), nullable=True))
    by_plan = sa.Column(
        "duty_by_plan", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("doctor_profile", by_plan)
    op.create_index(
        "ix_notification_unread",
        "notification",
        ["user_id"],
        postgresql_where=sa.text("channel = 'console' AND read_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_notification_unread", table_name="notification")
    op.drop_column("doctor_profile", "duty_by_plan")
    op.drop_column("totp_secret", "begun_in")
    op.drop_column("staff_session", "by_provider")
