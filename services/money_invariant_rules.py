"""The rules of money, row against book: payments, refunds, calls, four eyes.

They say what the constraints, the triggers and the verbs of services keep, so that a
hole in one of them is seen before a patient sees it.
"""

from services.i18n import Lazy
from services.invariant_rules import Rule
from services.ledger_invariant_rules import LEDGER_RULES

OPEN_PAYMENT = "('created', 'unknown', 'pending')"
ENDED_REFUND = "('succeeded', 'failed', 'rejected')"
# What still stands to the debit of its payment.
STANDING = "status NOT IN ('failed', 'rejected')"

PAYMENT_RULES = (
    Rule(
        "payments_are_posted_once",
        Lazy("A payment succeeded exactly if one journal has its whole amount."),
        """SELECT p.id, concat(p.status, ' ', p.amount_kopecks, ' ', j.times, 'x ',
                              j.came)
        FROM payment p CROSS JOIN LATERAL (
          SELECT count(DISTINCT j.id) AS times,
                 -coalesce(sum(e.amount_kopecks) FILTER (WHERE a.kind = CASE
                    WHEN p.method = 'wallet' THEN 'wallet' ELSE 'psp_clearing' END), 0)
                   AS came
          FROM ledger_journal j JOIN ledger_entry e ON e.journal_id = j.id
          JOIN ledger_account a ON a.id = e.account_id
          WHERE j.kind = 'payment' AND j.ref_id = p.id) j
        WHERE (j.times, j.came) IS DISTINCT FROM CASE WHEN p.status = 'succeeded'
          THEN (CAST(1 AS bigint), CAST(p.amount_kopecks AS numeric))
          ELSE (CAST(0 AS bigint), CAST(0 AS numeric)) END
        UNION ALL
        SELECT j.id, 'no payment' FROM ledger_journal j
        LEFT JOIN payment p ON p.id = j.ref_id
        WHERE j.kind = 'payment' AND p.id IS NULL""",
    ),
    Rule(
        "fees_are_posted",
        Lazy("The provider's fee of a payment is in the books as it is on the row."),
        """SELECT p.id, concat(p.fee_kopecks, ' <> ', f.posted)
        FROM payment p CROSS JOIN LATERAL (
          SELECT coalesce(sum(e.amount_kopecks), 0) AS posted FROM ledger_journal j
          JOIN ledger_entry e ON e.journal_id = j.id
          JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'psp_clearing'
          WHERE j.kind = 'fee' AND j.ref_id = p.id) f
        WHERE coalesce(p.fee_kopecks, 0) <> f.posted""",
    ),
    Rule(
        "refunds_stay_within_their_payment",
        Lazy("What goes back is never more than what came."),
        """SELECT id, concat(returned_or_reserved_kopecks, ' <= ',
                             refunded_or_reserved_kopecks, ' <= ', captured_kopecks)
        FROM payment WHERE NOT (0 <= returned_or_reserved_kopecks
          AND returned_or_reserved_kopecks <= refunded_or_reserved_kopecks
          AND refunded_or_reserved_kopecks <= captured_kopecks
          AND captured_kopecks <= amount_kopecks)""",
    ),
    Rule(
        "payments_count_their_refunds",
        Lazy("A payment counts the refunds that stand against it, to the kopeck."),
        f"""SELECT p.id, concat(p.refunded_or_reserved_kopecks, ' ', r.refunded, ', ',
                               p.returned_or_reserved_kopecks, ' ', r.returned)
        FROM payment p CROSS JOIN LATERAL (
          SELECT coalesce(sum(amount_kopecks)
                   FILTER (WHERE origin <> 'withdrawal'), 0) AS refunded,
                 coalesce(sum(amount_kopecks)
                   FILTER (WHERE destination <> 'wallet'), 0) AS returned
          FROM refund WHERE payment_id = p.id AND {STANDING}) r
        WHERE (p.refunded_or_reserved_kopecks, p.returned_or_reserved_kopecks)
          IS DISTINCT FROM (r.refunded, r.returned)""",  # noqa: S608
    ),
    Rule(
        "nothing_is_open_twice",
        Lazy("A call has one open payment at most, a payment one open refund."),
        f"""SELECT booking_id, count(*) FROM payment
        WHERE status IN {OPEN_PAYMENT} AND superseded_at IS NULL
        GROUP BY booking_id HAVING count(*) > 1
        UNION ALL
        SELECT payment_id, count(*) FROM refund
        WHERE status NOT IN {ENDED_REFUND}
        GROUP BY payment_id HAVING count(*) > 1""",  # noqa: S608
    ),
    Rule(
        "provider_ids_are_used_once",
        Lazy("Each thing of the provider's is one thing of ours."),
        """SELECT provider_id, count(*) FROM (
          SELECT provider_id FROM payment UNION ALL
          SELECT provider_id FROM refund UNION ALL
          SELECT provider_id FROM receipt) known
        WHERE provider_id IS NOT NULL GROUP BY provider_id HAVING count(*) > 1""",
    ),
    Rule(
        "keys_serve_for_a_day",
        Lazy("Nothing is sent under a key that the provider may have forgotten."),
        """SELECT coalesce(p.id, r.id), e.created_at FROM provider_event e
        LEFT JOIN payment p ON p.id = e.payment_id
        LEFT JOIN refund r ON r.id = e.refund_id
        WHERE e.source = 'create' AND e.created_at
          > coalesce(r.key_used_at, p.key_used_at) + interval '24 hours'""",
    ),
    Rule(
        "money_is_journalled",
        Lazy("Every payment and refund that went through has its line in the journal."),
        """SELECT m.id, m.action FROM (
          SELECT id, 'payment.succeeded' AS action FROM payment
          WHERE status = 'succeeded' UNION ALL
          SELECT id, 'refund.succeeded' FROM refund
          WHERE status = 'succeeded') m
        LEFT JOIN audit_event a ON a.object_id = m.id AND a.action = m.action
        WHERE a.id IS NULL""",
    ),
)

REFUND_RULES = (
    Rule(
        "refunds_hold_what_they_reserve",
        Lazy("A refund holds its amount while it is open, and then it has arrived."),
        f"""SELECT r.id, concat(r.status, ' ', r.amount_kopecks, ' ', t.held, ' ',
                               t.arrived)
        FROM refund r CROSS JOIN LATERAL (
          SELECT coalesce(sum(e.amount_kopecks)
                   FILTER (WHERE a.kind = 'refund_in_transit'), 0) AS held,
                 coalesce(sum(e.amount_kopecks)
                   FILTER (WHERE j.kind = 'refund_succeeded'
                     AND a.kind <> 'refund_in_transit'), 0) AS arrived
          FROM ledger_journal j JOIN ledger_entry e ON e.journal_id = j.id
          JOIN ledger_account a ON a.id = e.account_id
          WHERE j.ref_type = 'refund' AND j.ref_id = r.id) t
        WHERE t.arrived <> CASE WHEN r.status = 'succeeded'
                                THEN r.amount_kopecks ELSE 0 END
           OR t.held <> CASE WHEN r.origin = 'withdrawal' THEN -t.arrived
                             WHEN r.status IN {ENDED_REFUND} THEN 0
                             ELSE r.amount_kopecks END""",  # noqa: S608
    ),
    Rule(
        "withdrawals_hold_what_they_reserve",
        Lazy("A withdrawal holds what has not arrived yet, and nothing once it ended."),
        """SELECT w.id, concat(w.status, ' ', w.amount_kopecks, ' ', t.taken, ' ',
                               t.held)
        FROM withdrawal w CROSS JOIN LATERAL (
          SELECT coalesce(sum(e.amount_kopecks), 0) AS held,
                 coalesce(sum(e.amount_kopecks)
                   FILTER (WHERE j.kind = 'withdrawal_reserved'), 0) AS taken
          FROM ledger_journal j JOIN ledger_entry e ON e.journal_id = j.id
          JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'refund_in_transit'
          WHERE j.ref_id = w.id OR j.ref_id IN (
            SELECT id FROM refund WHERE withdrawal_id = w.id)) t
        WHERE t.taken <> w.amount_kopecks OR t.held < 0
           OR (w.status IN ('done', 'rejected') AND t.held <> 0)""",
    ),
    Rule(
        "two_people_see_to_it",
        Lazy("What needs a second person has one, and it is another person."),
        """SELECT id, 'refund' FROM refund
        WHERE approved_by = requested_by OR (needs_approval AND approved_by IS NULL
          AND status NOT IN ('awaiting_approval', 'rejected'))
        UNION ALL
        SELECT id, 'withdrawal' FROM withdrawal
        WHERE approved_by = prepared_by
           OR (status IN ('approved', 'done') AND approved_by IS NULL)
        UNION ALL
        SELECT id, 'payout' FROM payout
        WHERE approved_by = made_by
           OR (status NOT IN ('draft', 'discarded') AND approved_by IS NULL)""",
    ),
    Rule(
        "nobody_decides_on_their_own_money",
        Lazy("Nobody of staff decides on a refund, claim or withdrawal of their own."),
        """SELECT r.id, 'refund' FROM refund r
        JOIN payment p ON p.id = r.payment_id
        WHERE p.payer_id IN (r.approved_by, r.rejected_by)
           OR (p.payer_id = r.requested_by AND r.requested_as <> 'patient')
        UNION ALL
        SELECT c.id, 'claim' FROM refund_claim c JOIN booking b ON b.id = c.booking_id
        WHERE b.patient_id = c.decided_by
        UNION ALL
        SELECT id, 'withdrawal' FROM withdrawal
        WHERE user_id IN (prepared_by, approved_by)""",
    ),
)

CALL_RULES = (
    Rule(
        "closed_calls_hold_no_money",
        Lazy("A closed call holds no prepayment, unless a refund or claim awaits it."),
        f"""SELECT b.id, concat(b.status, ' ', a.balance_kopecks) FROM booking b
        JOIN ledger_account a ON a.owner_id = b.id AND a.kind = 'visit_prepaid'
        WHERE b.status IN ('completed', 'cancelled') AND a.balance_kopecks <> 0
          AND NOT EXISTS (SELECT FROM refund_claim c
                          WHERE c.booking_id = b.id AND c.status = 'open')
          AND NOT EXISTS (SELECT FROM refund r WHERE r.booking_id = b.id
                          AND (r.status NOT IN {ENDED_REFUND}
                            OR (r.status = 'failed' AND r.followed_at IS NULL)))
        """,  # noqa: S608
    ),
    Rule(
        "money_of_calls_adds_up",
        Lazy("What was paid for a call and stayed is prepaid, earned or kept."),
        f"""SELECT b.id, concat(coalesce(p.came, 0) - coalesce(r.back, 0), ' <> ',
                               coalesce(l.stayed, 0))
        FROM booking b
        LEFT JOIN (SELECT booking_id, sum(captured_kopecks) AS came
                   FROM payment GROUP BY booking_id) p ON p.booking_id = b.id
        LEFT JOIN (SELECT booking_id, sum(amount_kopecks) AS back FROM refund
                   WHERE {STANDING} AND origin <> 'withdrawal'
                   GROUP BY booking_id) r ON r.booking_id = b.id
        LEFT JOIN (SELECT j.booking_id, sum(e.amount_kopecks) AS stayed
                   FROM ledger_journal j JOIN ledger_entry e ON e.journal_id = j.id
                   JOIN ledger_account a ON a.id = e.account_id
                   WHERE a.kind IN ('visit_prepaid', 'visit_receivable',
                     'doctor_payable', 'clinic_payable', 'revenue_service',
                     'revenue_cancellation')
                   GROUP BY j.booking_id) l ON l.booking_id = b.id
        WHERE coalesce(p.came, 0) - coalesce(r.back, 0) <> coalesce(l.stayed, 0)
        """,  # noqa: S608
    ),
    Rule(
        "finished_calls_are_earned_whole",
        Lazy("Of a finished call its whole price is earned, and of no other anything."),
        """SELECT b.id, concat(b.status, ' ', t.total, ' <> ', e.earned)
        FROM booking b
        CROSS JOIN LATERAL (SELECT b.price_kopecks + CASE
          WHEN coalesce(b.extra_consent, 'agreed') = 'agreed'
          THEN b.extras_kopecks ELSE 0 END AS total) t
        CROSS JOIN LATERAL (
          SELECT coalesce(sum(e.amount_kopecks), 0) AS earned FROM ledger_journal j
          JOIN ledger_entry e ON e.journal_id = j.id
          JOIN ledger_account a ON a.id = e.account_id
          WHERE j.booking_id = b.id AND j.kind = 'earned' AND a.kind IN
            ('doctor_payable', 'clinic_payable', 'revenue_service')) e
        WHERE e.earned <> CASE WHEN b.status = 'completed' THEN t.total ELSE 0 END
          AND (b.status <> 'completed' OR b.completed_at >= (
            SELECT min(created_at) FROM ledger_journal WHERE kind = 'earned'))""",
    ),
    Rule(
        "shares_are_the_payees",
        Lazy("The share of a visit is owed to its clinic, else to who completed it."),
        """SELECT b.id, a.code FROM ledger_journal j
        JOIN ledger_entry e ON e.journal_id = j.id
        JOIN ledger_account a ON a.id = e.account_id
          AND a.kind IN ('doctor_payable', 'clinic_payable')
        JOIN booking b ON b.id = j.booking_id
        LEFT JOIN assignment t ON t.booking_id = b.id AND t.outcome = 'completed'
        WHERE j.kind = 'earned' AND (a.kind, a.owner_id) IS DISTINCT FROM
          (CASE WHEN b.clinic_id IS NULL THEN 'doctor_payable'
                ELSE 'clinic_payable' END, coalesce(b.clinic_id, t.doctor_id))""",
    ),
    Rule(
        "only_finished_calls_are_owed",
        Lazy("Only a finished call is owed money, and never less than nothing."),
        """SELECT b.id, concat(b.status, ' ', -sum(e.amount_kopecks)) FROM booking b
        JOIN ledger_account a ON a.owner_id = b.id AND a.kind = 'visit_receivable'
        JOIN ledger_entry e ON e.account_id = a.id
        GROUP BY b.id HAVING sum(e.amount_kopecks) > 0
          OR (b.status <> 'completed' AND sum(e.amount_kopecks) <> 0)""",
    ),
    # Whether receipts were on when it was paid shows in what was sent.
    Rule(
        "prepaid_visits_have_closing_receipts",
        Lazy("A finished visit that was prepaid with a receipt has its closing one."),
        """SELECT p.id, p.booking_id FROM payment p
        JOIN booking b ON b.id = p.booking_id AND b.status = 'completed'
        WHERE p.status = 'succeeded' AND p.surplus IS NULL
          AND p.captured_kopecks - p.refunded_or_reserved_kopecks >= 100
          AND p.request_body LIKE '%"full_prepayment"%'
          AND NOT EXISTS (SELECT FROM receipt r
                          WHERE r.payment_id = p.id AND r.kind = 'closing')""",
    ),
)

MONEY_RULES = LEDGER_RULES + PAYMENT_RULES + REFUND_RULES + CALL_RULES
