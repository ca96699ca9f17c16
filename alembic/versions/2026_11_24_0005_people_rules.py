"""Rules of people: stamps, histories that stay, and doctors who came aboard before.

Revision 0005, after 0004.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TOUCHED = (
    "consent_text",
    "doctor_application",
    "document",
    "holiday",
    "notification",
    "profile_change",
    "recovery_code",
    "shift",
    "shift_exception",
    "totp_secret",
    "verification_code",
)

# Doctors whom a curator made directly have an approved application too, so that
# each of them can be suspended by the same verb.
BACK_FILL = (
    """
    INSERT INTO doctor_application
      (id, user_id, status, facts, version, submitted_at, decided_at)
    SELECT gen_random_uuid(), p.user_id, 'approved', '{}', 1, p.created_at,
           p.approved_at
      FROM doctor_profile p WHERE p.approved_at IS NOT NULL
    """,
    """
    INSERT INTO application_event
      (id, application_id, version, event, to_status, actor_id, acting_as, via, data)
    SELECT gen_random_uuid(), a.id, 1, 'approve', 'approved',
           '00000000-0000-0000-0000-000000000000', 'system', 'job', '{}'
      FROM doctor_application a
    """,
)
FUNCTIONS: tuple[str, ...] = ()


def upgrade() -> None:
    for table in TOUCHED:
        _run(
            f"CREATE TRIGGER touch BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
        )
    _run(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON application_event"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    _run(
        "CREATE TRIGGER never_emptied BEFORE TRUNCATE ON application_event"
        " EXECUTE FUNCTION refuse_change()"
    )
    _run(
        "CREATE TRIGGER kept BEFORE DELETE ON doctor_application"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    for statement in (*FUNCTIONS, *BACK_FILL):
        _run(statement)


def downgrade() -> None:
    _run("DROP TRIGGER kept ON doctor_application")
    for trigger in ("append_only", "never_emptied"):
        _run(f"DROP TRIGGER {trigger} ON application_event")
    for table in TOUCHED:
        _run(f"DROP TRIGGER touch ON {table}")


def _run(sql: str) -> None:
    # The functions hold % and : characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
