"""Rules of money: a ledger that only grows and always balances, and what finance reads.

Revision 0011, after 0010.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TOUCHED = (
    "ledger_account",
    "payment",
    "payout",
    "receipt",
    "recon_issue",
    "recon_mark",
    "refund",
    "refund_claim",
    "webhook_inbox",
    "withdrawal",
)
APPEND_ONLY = (
    "ledger_journal",
    "ledger_entry",
    "ledger_snapshot",
    "provider_event",
    "refund_policy",
    "tariff",
)
NEVER_DELETED = (
    "ledger_account",
    "payment",
    "payout",
    "payout_line",
    "receipt",
    "refund",
    "refund_claim",
    "withdrawal",
)

FUNCTIONS = (
    # A leg belongs to the transaction that made its journal, else balanced legs could
    # be added to an old one. Guarded accounts take the leg in their row, under its
    # lock; the CHECK on that row is what refuses an overdraft.
    """
    CREATE FUNCTION take_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM 1 FROM ledger_journal
        WHERE id = NEW.journal_id
          AND made_in = CAST(CAST(pg_current_xact_id() AS text) AS bigint);
      IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger_entry: the journal was made in another transaction'
          USING ERRCODE = 'restrict_violation';
      END IF;
      UPDATE ledger_account
         SET balance_kopecks = balance_kopecks + NEW.amount_kopecks,
             version = version + 1
       WHERE id = NEW.account_id AND guarded
      RETURNING balance_kopecks INTO NEW.balance_after_kopecks;
      IF NOT FOUND THEN
        NEW.balance_after_kopecks := NULL;
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION demand_balance() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      journal uuid;
      legs integer;
      total numeric;
    BEGIN
      IF TG_TABLE_NAME = 'ledger_entry' THEN
        journal := NEW.journal_id;
      ELSE
        journal := NEW.id;
      END IF;
      SELECT count(*), coalesce(sum(amount_kopecks), 0) INTO legs, total
        FROM ledger_entry WHERE journal_id = journal;
      IF legs < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'ledger_journal: % legs come to %', legs, total
          USING ERRCODE = 'restrict_violation';
      END IF;
      RETURN NULL;
    END $$
    """,
    # A balance begins at nothing and moves by entries alone: the trigger above runs one
    # level down.
    """
    CREATE FUNCTION guard_ledger_account() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        IF coalesce(NEW.balance_kopecks, 0) <> 0 THEN
          RAISE EXCEPTION 'ledger_account: an account begins with nothing'
            USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
      END IF;
      IF (NEW.id, NEW.code, NEW.kind, NEW.nature, NEW.owner_id, NEW.currency,
          NEW.guarded, NEW.created_at)
         IS DISTINCT FROM
         (OLD.id, OLD.code, OLD.kind, OLD.nature, OLD.owner_id, OLD.currency,
          OLD.guarded, OLD.created_at)
      THEN
        RAISE EXCEPTION 'ledger_account: what an account is stays'
          USING ERRCODE = 'restrict_violation';
      END IF;
      IF (NEW.balance_kopecks, NEW.version)
         IS DISTINCT FROM (OLD.balance_kopecks, OLD.version)
         AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'ledger_account: a balance moves by entries alone'
          USING ERRCODE = 'restrict_violation';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF (NEW.booking_id, NEW.method, NEW.amount_kopecks)
         IS DISTINCT FROM (OLD.booking_id, OLD.method, OLD.amount_kopecks)
         OR (NEW.request_body IS DISTINCT FROM OLD.request_body
             AND current_setting('tot.erasing', true) IS DISTINCT FROM 'on')
         OR (OLD.provider_id IS NOT NULL
             AND NEW.provider_id IS DISTINCT FROM OLD.provider_id) THEN
        RAISE EXCEPTION 'payment: call, method, amount, body and provider id are fixed'
          USING ERRCODE = 'restrict_violation';
      END IF;
      IF NEW.status <> OLD.status AND NOT (
         CASE OLD.status
           WHEN 'created' THEN true
           WHEN 'unknown' THEN NEW.status <> 'created'
           WHEN 'pending' THEN NEW.status IN ('succeeded', 'canceled')
           ELSE false
         END) THEN
        RAISE EXCEPTION 'payment: % does not follow %', NEW.status, OLD.status
          USING ERRCODE = 'restrict_violation';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION guard_refund() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF (NEW.booking_id, NEW.payment_id, NEW.origin, NEW.requested_by)
         IS DISTINCT FROM
         (OLD.booking_id, OLD.payment_id, OLD.origin, OLD.requested_by)
         OR (OLD.key_used_at IS NOT NULL
             AND NEW.amount_kopecks IS DISTINCT FROM OLD.amount_kopecks)
         OR (OLD.key_used_at IS NOT NULL
             AND NEW.request_body IS DISTINCT FROM OLD.request_body
             AND current_setting('tot.erasing', true) IS DISTINCT FROM 'on')
         OR (OLD.provider_id IS NOT NULL
             AND NEW.provider_id IS DISTINCT FROM OLD.provider_id) THEN
        RAISE EXCEPTION 'refund: what was sent stays as it was sent'
          USING ERRCODE = 'restrict_violation';
      END IF;
      IF (OLD.needs_approval AND NOT NEW.needs_approval)
         OR (OLD.approved_by IS NOT NULL AND NEW.approved_by IS NOT NULL
             AND (NEW.amount_kopecks, NEW.destination, NEW.split, NEW.approved_by,
                  NEW.approval_hash)
                 IS DISTINCT FROM
                 (OLD.amount_kopecks, OLD.destination, OLD.split, OLD.approved_by,
                  OLD.approval_hash)) THEN
        RAISE EXCEPTION 'refund: an approval holds for what was approved'
          USING ERRCODE = 'restrict_violation';
      END IF;
      IF NEW.status <> OLD.status AND NOT (
         CASE OLD.status
           WHEN 'awaiting_approval' THEN NEW.status IN ('approved', 'rejected')
           WHEN 'approved' THEN NEW.status IN ('sending', 'succeeded', 'failed')
             OR (NEW.status IN ('awaiting_approval', 'rejected')
                 AND OLD.key_used_at IS NULL)
           WHEN 'sending' THEN NEW.status IN
             ('unknown', 'pending_provider', 'succeeded', 'failed')
           WHEN 'unknown' THEN NEW.status IN
             ('pending_provider', 'succeeded', 'failed')
           WHEN 'pending_provider' THEN NEW.status IN ('succeeded', 'failed')
           ELSE false
         END) THEN
        RAISE EXCEPTION 'refund: % does not follow %', NEW.status, OLD.status
          USING ERRCODE = 'restrict_violation';
      END IF;
      RETURN NEW;
    END $$
    """,
)

TRIGGERS = (
    "CREATE TRIGGER take BEFORE INSERT ON ledger_entry"
    " FOR EACH ROW EXECUTE FUNCTION take_entry()",
    "CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_entry"
    " DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION demand_balance()",
    "CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_journal"
    " DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION demand_balance()",
    "CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON ledger_account"
    " FOR EACH ROW EXECUTE FUNCTION guard_ledger_account()",
    "CREATE TRIGGER guard BEFORE UPDATE ON payment"
    " FOR EACH ROW EXECUTE FUNCTION guard_payment()",
    "CREATE TRIGGER guard BEFORE UPDATE ON refund"
    " FOR EACH ROW EXECUTE FUNCTION guard_refund()",
)

HOUSE = (
    ("psp_clearing", "asset"),
    ("bank", "asset"),
    ("revenue_service", "income"),
    ("revenue_cancellation", "income"),
    ("expense_psp_fee", "expense"),
    ("expense_compensation", "expense"),
    ("refund_in_transit", "liability"),
    ("suspense", "liability"),
)
SYSTEM = "00000000-0000-0000-0000-000000000000"
# Seventy of a hundred to whoever did the visit, until finance says otherwise.
FIRST_TARIFF = f"""
INSERT INTO tariff (id, share_points, fixed_kopecks, valid_from, created_by)
VALUES (gen_random_uuid(), 7000, 0, '2020-01-01T00:00:00Z', '{SYSTEM}')
"""
# Caps by the state at cancellation; the consumer pays only costs actually incurred
# (Civil Code, article 782; Consumer Protection Act, article 32), up to the cap.
FIRST_POLICY = f"""
INSERT INTO refund_policy (id, version, valid_from, tiers, created_by)
VALUES (gen_random_uuid(), 1, '2020-01-01T00:00:00Z', '[
  {{"rule": "not_our_patient", "percent": 100, "kept_at_most_kopecks": 0}},
  {{"rule": "not_departed", "percent": 100, "kept_at_most_kopecks": 0}},
  {{"rule": "en_route", "percent": 80, "kept_at_most_kopecks": 100000}},
  {{"rule": "on_scene", "percent": 50, "kept_at_most_kopecks": 250000}},
  {{"rule": "in_progress", "percent": 0, "kept_at_most_kopecks": null}},
  {{"rule": "completed", "percent": 0, "kept_at_most_kopecks": null}}
]', '{SYSTEM}')
"""
WALLETS = """
INSERT INTO ledger_account
  (id, code, kind, nature, owner_id, currency, guarded, balance_kopecks, version)
SELECT gen_random_uuid(), 'wallet:' || p.user_id, 'wallet', 'liability', p.user_id,
       'RUB', true, 0, 0
  FROM patient_profile p JOIN app_user u ON u.id = p.user_id
 WHERE u.erased_at IS NULL AND u.merged_into IS NULL
"""

# Money of a call in one row. What was paid twice and goes back whole does not count,
# nor does what leaves the wallet later. Patients, dispatchers and finance read it.
MONEY_VIEW = """
CREATE VIEW booking_money_v AS
SELECT b.id, t.total_kopecks, p.captured_kopecks,
       r.returned_kopecks, r.in_flight_kopecks,
       p.captured_kopecks - r.returned_kopecks AS paid_kopecks,
       CASE
         WHEN r.in_flight_kopecks > 0 THEN 'refund_pending'
         WHEN p.captured_kopecks > 0 AND r.returned_kopecks >= p.captured_kopecks
           THEN 'refunded'
         WHEN r.returned_kopecks > 0 THEN 'partly_refunded'
         WHEN p.captured_kopecks >= t.total_kopecks AND p.captured_kopecks > 0
           THEN 'paid'
         WHEN p.waits THEN 'pending'
         ELSE 'unpaid'
       END AS payment_state
FROM booking b
CROSS JOIN LATERAL (
  SELECT b.price_kopecks
         + CASE WHEN coalesce(b.extra_consent, 'agreed') = 'agreed'
                THEN b.extras_kopecks ELSE 0 END AS total_kopecks) t
CROSS JOIN LATERAL (
  SELECT CAST(coalesce(sum(captured_kopecks)
           FILTER (WHERE surplus IS DISTINCT FROM 'double'), 0) AS bigint)
           AS captured_kopecks,
         coalesce(bool_or(status IN ('created', 'unknown', 'pending')
           AND superseded_at IS NULL), false) AS waits
    FROM payment WHERE booking_id = b.id) p
CROSS JOIN LATERAL (
  SELECT CAST(coalesce(sum(amount_kopecks)
           FILTER (WHERE status = 'succeeded'), 0) AS bigint) AS returned_kopecks,
         CAST(coalesce(sum(amount_kopecks)
           FILTER (WHERE status NOT IN ('succeeded', 'failed', 'rejected')), 0)
           AS bigint) AS in_flight_kopecks
    FROM refund WHERE booking_id = b.id
     AND origin NOT IN ('double', 'withdrawal')) r
"""
MASKED = "left(u.phone, 2) || '•••••••' || right(u.phone, 2)"
OLD_FINANCE_VIEW = f"""
CREATE VIEW booking_finance_v AS
SELECT b.id, b.number, b.status, b.call_type, b.price_kopecks,
       b.cancel_reason_code, b.created_at, b.wanted_from, b.wanted_to,
       b.completed_at, b.cancelled_at, {MASKED} AS payer_contact
FROM booking b JOIN app_user u ON u.id = b.patient_id
"""
FINANCE_VIEWS = (
    f"""
    CREATE VIEW booking_finance_v AS
    SELECT b.id, b.number, b.status, b.call_type, b.price_kopecks,
           b.extras_kopecks, b.extra_consent,
           b.cancel_reason_code, b.created_at, b.wanted_from, b.wanted_to,
           b.completed_at, b.cancelled_at, b.version, {MASKED} AS payer_contact,
           m.total_kopecks, m.captured_kopecks, m.returned_kopecks,
           m.in_flight_kopecks, m.paid_kopecks, m.payment_state
    FROM booking b JOIN app_user u ON u.id = b.patient_id
    JOIN booking_money_v m ON m.id = b.id
    """,
    # Neither the body that was sent nor the patient's own address to return to.
    f"""
    CREATE VIEW payment_finance_v AS
    SELECT p.id, p.booking_id, b.number AS booking_number, b.status AS booking_status,
           p.method, p.status, p.amount_kopecks, p.captured_kopecks,
           p.refunded_or_reserved_kopecks, p.returned_or_reserved_kopecks,
           p.superseded_at, p.surplus, p.provider_id, p.method_title, p.fee_kopecks,
           p.failure_code, p.failure_parameter, p.cancel_party, p.cancel_reason,
           p.created_at, p.key_used_at, p.expires_at, p.succeeded_at, p.ended_at,
           p.tries, p.next_look_at, {MASKED} AS payer_contact
    FROM payment p JOIN booking b ON b.id = p.booking_id
    JOIN app_user u ON u.id = p.payer_id
    """,
    f"""
    CREATE VIEW refund_finance_v AS
    SELECT r.id, r.booking_id, b.number AS booking_number, r.payment_id, r.claim_id,
           r.withdrawal_id, r.origin, r.destination, r.status, r.amount_kopecks,
           r.reason_code, r.split, r.doctor_kopecks, r.policy_version, r.policy_rule,
           r.policy_base_kopecks, r.policy_percent, r.policy_kopecks,
           r.needs_approval, r.requested_by, r.requested_as, r.approved_by,
           r.approved_at, r.approval_expires_at, r.rejected_by, r.provider_id,
           r.document, r.failure_code, r.cancel_party, r.created_at, r.key_used_at,
           r.succeeded_at, r.ended_at, r.followed_at, r.tries, r.next_look_at,
           r.version, p.method, {MASKED} AS payer_contact
    FROM refund r JOIN payment p ON p.id = r.payment_id
    JOIN booking b ON b.id = r.booking_id JOIN app_user u ON u.id = p.payer_id
    """,
    f"""
    CREATE VIEW refund_claim_finance_v AS
    SELECT c.id, c.booking_id, b.number AS booking_number, b.status AS booking_status,
           c.opened_as, c.reason_code, c.status, c.decided_by, c.decided_at,
           c.created_at, c.version, {MASKED} AS payer_contact
    FROM refund_claim c JOIN booking b ON b.id = c.booking_id
    JOIN app_user u ON u.id = b.patient_id
    """,
    # Whose account it is: the number of a call, a payer's masked contact, the name of a
    # doctor or a clinic that is paid.
    f"""
    CREATE VIEW ledger_account_finance_v AS
    SELECT a.id, a.code, a.kind, a.guarded, a.balance_kopecks, a.owner_id,
           a.created_at, b.number AS booking_number, {MASKED} AS payer_contact,
           concat_ws(' ', d.last_name, d.first_name, d.middle_name) AS doctor_name,
           c.name AS clinic_name
    FROM ledger_account a
    LEFT JOIN booking b
      ON b.id = a.owner_id AND a.kind IN ('visit_prepaid', 'visit_receivable')
    LEFT JOIN app_user u
      ON u.id = CASE WHEN a.kind = 'wallet' THEN a.owner_id ELSE b.patient_id END
    LEFT JOIN app_user d ON d.id = a.owner_id AND a.kind = 'doctor_payable'
    LEFT JOIN clinic_profile c ON c.id = a.owner_id AND a.kind = 'clinic_payable'
    """,
    # A leg with the journal that it is part of.
    """
    CREATE VIEW ledger_entry_finance_v AS
    SELECT e.id, e.account_id, e.amount_kopecks, e.balance_after_kopecks,
           e.created_at, e.journal_id, j.idem_key, j.kind, j.ref_type, j.ref_id,
           j.booking_id, b.number AS booking_number, j.acting_as, j.via
    FROM ledger_entry e JOIN ledger_journal j ON j.id = e.journal_id
    LEFT JOIN booking b ON b.id = j.booking_id
    """,
    f"""
    CREATE VIEW withdrawal_finance_v AS
    SELECT w.id, w.amount_kopecks, w.manual_kopecks, w.status, w.prepared_by,
           w.approved_by, w.approved_at, w.document, w.created_at, w.ended_at,
           w.version, {MASKED} AS payer_contact
    FROM withdrawal w JOIN app_user u ON u.id = w.user_id
    """,
    # Neither the body that was sent nor the address that the receipt goes to.
    """
    CREATE VIEW receipt_finance_v AS
    SELECT r.id, r.booking_id, r.payment_id, r.refund_id, r.kind, r.status,
           r.amount_kopecks, r.provider_id, r.failure_code, r.created_at,
           r.key_used_at, r.tries, r.next_look_at, r.ended_at
    FROM receipt r
    """,
    # What the provider answered; the reader keeps only the known keys of `data`.
    """
    CREATE VIEW provider_event_finance_v AS
    SELECT e.id, e.payment_id, e.refund_id, e.source, e.outcome, e.status, e.code,
           e.data, e.created_at
    FROM provider_event e
    """,
    # How far a call came and when, without names and without anybody's words.
    """
    CREATE VIEW booking_event_finance_v AS
    SELECT e.id, e.booking_id, e.event, e.to_status, e.created_at
    FROM booking_event e
    WHERE e.from_status IS DISTINCT FROM e.to_status
    """,
)
VIEWS = (
    "booking_event_finance_v",
    "provider_event_finance_v",
    "receipt_finance_v",
    "ledger_entry_finance_v",
    "ledger_account_finance_v",
    "withdrawal_finance_v",
    "refund_claim_finance_v",
    "refund_finance_v",
    "payment_finance_v",
    "booking_finance_v",
    "booking_money_v",
)


def upgrade() -> None:
    for function in FUNCTIONS:
        _run(function)
    _protect()
    for kind, nature in HOUSE:
        _run(
            "INSERT INTO ledger_account"
            " (id, code, kind, nature, currency, guarded, version)"
            f" VALUES (gen_random_uuid(), '{kind}', '{kind}', '{nature}', 'RUB',"
            " false, 0)"
        )
    for statement in (WALLETS, FIRST_TARIFF, FIRST_POLICY):
        _run(statement)
    _run("DROP VIEW booking_finance_v")
    for view in (MONEY_VIEW, *FINANCE_VIEWS):
        _run(view)


def _protect() -> None:
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


def downgrade() -> None:
    for view in VIEWS:
        _run(f"DROP VIEW {view}")
    _run(OLD_FINANCE_VIEW)
    for name in (
        "guard_refund",
        "guard_payment",
        "guard_ledger_account",
        "demand_balance",
        "take_entry",
    ):
        _run(f"DROP FUNCTION {name}() CASCADE")
    for table in NEVER_DELETED:
        _run(f"DROP TRIGGER kept ON {table}")
    for table in APPEND_ONLY:
        _run(f"DROP TRIGGER append_only ON {table}")
        _run(f"DROP TRIGGER never_emptied ON {table}")
    for table in TOUCHED:
        _run(f"DROP TRIGGER touch ON {table}")


def _run(sql: str) -> None:
    # The functions hold % and : characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
