"""A claim, and nothing else, may change whose call it is.

Revision 0007, after 0006.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A generated column is not there yet when the trigger looks.
GUARD_BOOKING = """
CREATE OR REPLACE FUNCTION guard_booking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('tot.claiming', true) = 'on'
     AND to_jsonb(NEW) - ARRAY['patient_id', 'version', 'updated_at', 'search_text']
         = to_jsonb(OLD) - ARRAY['patient_id', 'version', 'updated_at', 'search_text']
     AND NEW.version > OLD.version THEN
    RETURN NEW;
  END IF;
  IF (NEW.number, NEW.patient_id, NEW.source, NEW.created_at)
     IS DISTINCT FROM (OLD.number, OLD.patient_id, OLD.source, OLD.created_at) THEN
    RAISE EXCEPTION 'booking: number, patient, source and creation are fixed'
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.version < OLD.version
     OR (NEW.status <> OLD.status AND NEW.version = OLD.version) THEN
    RAISE EXCEPTION 'booking: a change of status needs the next version'
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF OLD.status IN ('completed', 'cancelled') AND NEW.status <> OLD.status THEN
    RAISE EXCEPTION 'booking: a finished call stays finished'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""
GUARD_BOOKING_BEFORE = """
CREATE OR REPLACE FUNCTION guard_booking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.number, NEW.patient_id, NEW.source, NEW.created_at)
     IS DISTINCT FROM (OLD.number, OLD.patient_id, OLD.source, OLD.created_at) THEN
    RAISE EXCEPTION 'booking: number, patient, source and creation are fixed'
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.version < OLD.version
     OR (NEW.status <> OLD.status AND NEW.version = OLD.version) THEN
    RAISE EXCEPTION 'booking: a change of status needs the next version'
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF OLD.status IN ('completed', 'cancelled') AND NEW.status <> OLD.status THEN
    RAISE EXCEPTION 'booking: a finished call stays finished'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    _run(GUARD_BOOKING)


def downgrade() -> None:
    _run(GUARD_BOOKING_BEFORE)


def _run(sql: str) -> None:
    # The function holds % and : characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
