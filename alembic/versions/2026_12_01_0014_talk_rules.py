"""Rules of talk: a conversation without gaps that nobody rewrites.

Revision 0014, after 0013.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TOUCHED = (
    "message",
    "message_read",
    "notification_preference",
    "quick_reply",
    "quiet_hours",
    "telegram_dialog",
    "telegram_link",
)
NEVER_DELETED = ("message",)

FUNCTIONS = (
    # Whoever adds a message holds the call's row, so the number before is known; the
    # unique key is the net for whoever does not.
    """
    CREATE FUNCTION number_message() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.seq <> 1 + coalesce((SELECT max(seq) FROM message
                                  WHERE booking_id = NEW.booking_id), 0) THEN
        RAISE EXCEPTION 'message: % is not the next number', NEW.seq
          USING ERRCODE = 'serialization_failure';
      END IF;
      RETURN NEW;
    END $$
    """,
    # A message may be hidden once; an erasure empties it. Nothing else changes it.
    """
    CREATE FUNCTION keep_message() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      hidden text[] := ARRAY['hidden_at', 'hidden_by', 'updated_at'];
      erased text[] := ARRAY['text', 'file_name', 'sha256', 'storage_name', 'data',
                             'client_id', 'updated_at'];
    BEGIN
      IF OLD.hidden_at IS NULL AND to_jsonb(NEW) - hidden = to_jsonb(OLD) - hidden THEN
        RETURN NEW;
      END IF;
      IF current_setting('tot.erasing', true) = 'on' AND NEW.storage_name IS NULL
         AND to_jsonb(NEW) - erased = to_jsonb(OLD) - erased THEN
        RETURN NEW;
      END IF;
      RAISE EXCEPTION 'message: what was said stays'
        USING ERRCODE = 'restrict_violation';
    END $$
    """,
)


def upgrade() -> None:
    for function in FUNCTIONS:
        _run(function)
    _run(
        "CREATE TRIGGER number_message BEFORE INSERT ON message"
        " FOR EACH ROW EXECUTE FUNCTION number_message()"
    )
    _run(
        "CREATE TRIGGER keep_message BEFORE UPDATE ON message"
        " FOR EACH ROW EXECUTE FUNCTION keep_message()"
    )
    for table in TOUCHED:
        _run(
            f"CREATE TRIGGER touch BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
        )
    for table in NEVER_DELETED:
        _run(
            f"CREATE TRIGGER kept BEFORE DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for table in NEVER_DELETED:
        _run(f"DROP TRIGGER kept ON {table}")
    for table in TOUCHED:
        _run(f"DROP TRIGGER touch ON {table}")
    _run("DROP TRIGGER keep_message ON message")
    _run("DROP TRIGGER number_message ON message")
    _run("DROP FUNCTION keep_message()")
    _run("DROP FUNCTION number_message()")


def _run(sql: str) -> None:
    # The functions hold % and : characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
