"""What tables stand on: extensions, the clock, the number series, the job queue.

Revision ID: 0001
Revises:
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The clock that every stamp comes from. Only a session that sets
# tot.clock_offset (the demo and tests do, for one transaction) sees another time.
CLOCK = """
CREATE FUNCTION app_now() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT clock_timestamp()
       + coalesce(nullif(current_setting('tot.clock_offset', true), ''), '0')::interval
$$
"""


def _run(sql: str) -> None:
    # The scripts hold % and : characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)


def upgrade() -> None:
    _run("CREATE EXTENSION IF NOT EXISTS btree_gist")
    _run("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    _run(CLOCK)
    _run("CREATE SEQUENCE booking_number_seq START 1001")
    _run("CREATE SCHEMA jobs")
    _run("SET LOCAL search_path = jobs, public")
    _run(SchemaManager.get_schema())
    _run("SET LOCAL search_path = public, jobs")


def downgrade() -> None:
    _run("DROP SCHEMA jobs CASCADE")
    _run("DROP SEQUENCE booking_number_seq")
    _run("DROP FUNCTION app_now()")
    _run("DROP EXTENSION pg_trgm")
    _run("DROP EXTENSION btree_gist")
