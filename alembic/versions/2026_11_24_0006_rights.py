"""Rules of people's rights: consents told apart by time, erasure, clinics' doctors.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A history stays as it was written, but for the texts that an erasure empties.
KEEP_HISTORY = """
CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('tot.erasing', true) = 'on'
     AND NEW.comment IS NULL AND NEW.data <@ OLD.data
     AND to_jsonb(NEW) - 'comment' - 'data' = to_jsonb(OLD) - 'comment' - 'data' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% refuses %', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$
"""
# The journal forgets old sign-ins where the house has set a time for it.
KEEP_JOURNAL = """
CREATE FUNCTION keep_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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
GUARD_ASSIGNMENT = """
CREATE OR REPLACE FUNCTION guard_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('tot.erasing', true) = 'on' AND NEW.outcome_reason IS NULL
     AND to_jsonb(NEW) - 'outcome_reason' - 'updated_at'
         = to_jsonb(OLD) - 'outcome_reason' - 'updated_at' THEN
    RETURN NEW;
  END IF;
  IF OLD.released_at IS NOT NULL
     OR (NEW.booking_id, NEW.doctor_id, NEW.assigned_at)
        IS DISTINCT FROM (OLD.booking_id, OLD.doctor_id, OLD.assigned_at) THEN
    RAISE EXCEPTION 'assignment: a turn keeps its doctor and ends once'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""
GUARD_ASSIGNMENT_BEFORE = """
CREATE OR REPLACE FUNCTION guard_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.released_at IS NOT NULL
     OR (NEW.booking_id, NEW.doctor_id, NEW.assigned_at)
        IS DISTINCT FROM (OLD.booking_id, OLD.doctor_id, OLD.assigned_at) THEN
    RAISE EXCEPTION 'assignment: a turn keeps its doctor and ends once'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""
# The lock is the one an erasure takes first. A call that waited for it would be
# made for nobody: as a rival it starts anew, and finds no such caller.
COUNT_OPEN = """
CREATE OR REPLACE FUNCTION open_bookings_of(patient uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('open_bookings', 0)
                                # hashtextextended(patient::text, 0));
  IF EXISTS (SELECT FROM app_user
              WHERE id = patient AND erased_at IS NOT NULL) THEN
    RAISE EXCEPTION 'the account was erased meanwhile'
      USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN (SELECT count(*) FROM booking
          WHERE patient_id = patient
            AND status IN ('pending', 'assigned', 'accepted',
                           'en_route', 'in_progress'));
END $$
"""
COUNT_OPEN_BEFORE = """
CREATE OR REPLACE FUNCTION open_bookings_of(patient uuid) RETURNS integer
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
# Visits made before a doctor joined belong to where the doctor was then.
JOIN_CLINIC = """
CREATE FUNCTION join_clinic() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.clinic_id IS DISTINCT FROM OLD.clinic_id THEN
    NEW.clinic_since := CASE WHEN NEW.clinic_id IS NULL THEN NULL ELSE app_now() END;
  END IF;
  RETURN NEW;
END $$
"""
KEEP_TEXT = """
CREATE FUNCTION keep_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'current' - 'updated_at'
                          = to_jsonb(OLD) - 'current' - 'updated_at' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a published text stays as it was agreed to'
    USING ERRCODE = 'restrict_violation';
END $$
"""
HISTORIES = ("booking_event", "application_event")


def upgrade() -> None:
    op.drop_constraint("uq_consent_user_id_kind_version", "consent")
    op.create_index(
        "uq_consent_live",
        "consent",
        ["user_id", "kind", "version"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index("ix_consent_user_id", "consent", ["user_id"])
    op.add_column("verification_code", sa.Column("clinic_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_verification_code_clinic_id_clinic_profile"),
        "verification_code",
        "clinic_profile",
        ["clinic_id"],
        ["id"],
        ondelete="RESTRICT",
    )
    op.create_index(
        op.f("ix_verification_code_clinic_id"), "verification_code", ["clinic_id"]
    )
    op.create_check_constraint(
        op.f("ck_verification_code_clinic_of_invitation"),
        "verification_code",
        "(purpose = 'invitation') = (clinic_id IS NOT NULL)",
    )
    op.add_column(
        "doctor_profile", sa.Column("clinic_since", sa.DateTime(timezone=True))
    )
    op.create_check_constraint(
        op.f("ck_clinic_profile_tax_number_digits"),
        "clinic_profile",
        "tax_number ~ '^([0-9]{10}|[0-9]{12})$'",
    )
    _triggers()


def _triggers() -> None:
    for function in (
        KEEP_HISTORY,
        KEEP_JOURNAL,
        GUARD_ASSIGNMENT,
        COUNT_OPEN,
        JOIN_CLINIC,
        KEEP_TEXT,
    ):
        _run(function)
    for table in HISTORIES:
        _guard(table, "UPDATE OR DELETE", "keep_history")
    _guard("audit_event", "UPDATE OR DELETE", "keep_journal")
    _run(
        "CREATE TRIGGER joins BEFORE INSERT OR UPDATE OF clinic_id ON doctor_profile"
        " FOR EACH ROW EXECUTE FUNCTION join_clinic()"
    )
    _run(
        "CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON consent_text"
        " FOR EACH ROW EXECUTE FUNCTION keep_text()"
    )


def downgrade() -> None:
    for table in (*HISTORIES, "audit_event"):
        _guard(table, "UPDATE OR DELETE", "refuse_change")
    _run("DROP TRIGGER kept ON consent_text")
    _run("DROP TRIGGER joins ON doctor_profile")
    _run(GUARD_ASSIGNMENT_BEFORE)
    _run(COUNT_OPEN_BEFORE)
    for name in ("keep_history", "keep_journal", "join_clinic", "keep_text"):
        _run(f"DROP FUNCTION {name}()")
    op.drop_constraint(op.f("ck_clinic_profile_tax_number_digits"), "clinic_profile")
    op.drop_column("doctor_profile", "clinic_since")
    op.drop_constraint(
        op.f("ck_verification_code_clinic_of_invitation"), "verification_code"
    )
    op.drop_column("verification_code", "clinic_id")
    op.drop_index("ix_consent_user_id", table_name="consent")
    op.drop_index("uq_consent_live", table_name="consent")
    # The old rule knew one row of each text: the last one given is kept.
    _run(
        "DELETE FROM consent a USING consent b WHERE a.user_id = b.user_id"
        " AND a.kind = b.kind AND a.version = b.version AND a.id < b.id"
    )
    op.create_unique_constraint(
        "uq_consent_user_id_kind_version", "consent", ["user_id", "kind", "version"]
    )


def _guard(table: str, events: str, function: str) -> None:
    _run(f"DROP TRIGGER append_only ON {table}")
    _run(
        f"CREATE TRIGGER append_only BEFORE {events} ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()"
    )


def _run(sql: str) -> None:
    # The functions hold % and : characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
