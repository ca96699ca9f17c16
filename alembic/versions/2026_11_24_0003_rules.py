"""Rules that hold whatever code writes: triggers, and the view finance reads.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TOUCHED = (
    "address",
    "app_user",
    "assignment",
    "booking",
    "clinic_member",
    "clinic_profile",
    "consent",
    "doctor_profile",
    "doctor_state",
    "patient_profile",
    "price_item",
    "refresh_token",
    "role_grant",
    "setting",
    "staff_session",
    "street",
)
APPEND_ONLY = ("audit_event", "booking_event")
NEVER_DELETED = ("app_user", "assignment", "booking", "role_grant")

# Each statement in a volatile function sees what was committed before it, so the
# count after the lock includes the call of a rival who held the lock.
COUNT_OPEN = """
CREATE FUNCTION open_bookings_of(patient uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('open_bookings', 0)
                                # hashtextextended(patient::text, 0));
  RETURN (SELECT count(*) FROM booking
          WHERE patient_id = patient
            AND status IN ('pending', 'assigned', 'accepted',
                           'en_route', 'in_progress'));
END $$
"""

FUNCTIONS = (
    COUNT_OPEN,
    """
    CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.updated_at := app_now();
      RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION '% refuses %', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE FUNCTION guard_booking() RETURNS trigger LANGUAGE plpgsql AS $$
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
    """,
    """
    CREATE FUNCTION demand_history() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM 1 FROM booking_event
        WHERE booking_id = NEW.id AND version = NEW.version
          AND to_status = NEW.status;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'booking: version % has no history row', NEW.version
          USING ERRCODE = 'restrict_violation';
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION guard_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF OLD.released_at IS NOT NULL
         OR (NEW.booking_id, NEW.doctor_id, NEW.assigned_at)
            IS DISTINCT FROM (OLD.booking_id, OLD.doctor_id, OLD.assigned_at) THEN
        RAISE EXCEPTION 'assignment: a turn keeps its doctor and ends once'
          USING ERRCODE = 'restrict_violation';
      END IF;
      RETURN NEW;
    END $$
    """,
)

TRIGGERS = (
    "CREATE TRIGGER guard BEFORE UPDATE ON booking"
    " FOR EACH ROW EXECUTE FUNCTION guard_booking()",
    "CREATE CONSTRAINT TRIGGER history AFTER INSERT OR UPDATE OF status, version"
    " ON booking DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION demand_history()",
    "CREATE TRIGGER guard BEFORE UPDATE ON assignment"
    " FOR EACH ROW EXECUTE FUNCTION guard_assignment()",
)

# Finance sees times, statuses, codes and the quoted price: nothing medical, no
# address, no name, no text that a person typed.
FINANCE_VIEW = """
CREATE VIEW booking_finance_v AS
SELECT b.id, b.number, b.status, b.call_type, b.price_kopecks,
       b.cancel_reason_code, b.created_at, b.wanted_from, b.wanted_to,
       b.completed_at, b.cancelled_at,
       left(u.phone, 2) || '•••••••' || right(u.phone, 2) AS payer_contact
FROM booking b JOIN app_user u ON u.id = b.patient_id
"""


def upgrade() -> None:
    for function in FUNCTIONS:
        _run(function)
    for table in TOUCHED:
        _run(
            f"CREATE TRIGGER touch BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
        )
    for table in APPEND_ONLY:
        _run(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        _run(
            f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table}"
            " EXECUTE FUNCTION refuse_change()"
        )
    for table in NEVER_DELETED:
        _run(
            f"CREATE TRIGGER kept BEFORE DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for trigger in TRIGGERS:
        _run(trigger)
    _run(FINANCE_VIEW)


def downgrade() -> None:
    _run("DROP VIEW booking_finance_v")
    for name in (
        "guard_assignment",
        "demand_history",
        "guard_booking",
        "refuse_change",
        "touch_updated_at",
    ):
        _run(f"DROP FUNCTION {name}() CASCADE")
    _run("DROP FUNCTION open_bookings_of(uuid)")


def _run(sql: str) -> None:
    # The functions hold % and : characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
