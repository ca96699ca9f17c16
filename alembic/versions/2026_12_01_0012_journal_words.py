"""The journal forgets the words that were said about somebody who is erased.

Revision 0012, after 0011.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEEP_JOURNAL = """
CREATE OR REPLACE FUNCTION keep_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {erasing}
  IF TG_OP = 'DELETE' AND current_setting('tot.retaining', true) = 'on'
     AND OLD.action IN ('account.signed_in', 'account.signed_out',
                        'account.sign_in_refused', 'staff.signed_in',
                        'staff.signed_out', 'staff.sign_in_refused')
     AND OLD.created_at < app_now() - interval '30 days' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% refuses %', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$
"""
# Nothing but words and values goes: who did what to whom, and when, stays.
_ERASING = """
  IF TG_OP = 'UPDATE' AND current_setting('tot.erasing', true) = 'on'
     AND NEW.data = OLD.data - ARRAY['reason', 'before', 'after']
     AND to_jsonb(NEW) - 'data' = to_jsonb(OLD) - 'data' THEN
    RETURN NEW;
  END IF;
"""


def upgrade() -> None:
    _run(_KEEP_JOURNAL.format(erasing=_ERASING))


def downgrade() -> None:
    _run(_KEEP_JOURNAL.format(erasing=""))


def _run(sql: str) -> None:
    # The function holds % characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
