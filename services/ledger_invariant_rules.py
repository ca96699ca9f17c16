"""The rules of the books: journals, accounts, payouts, what the provider holds.

An entry's amount is a credit when positive. Journals are found by what they are about
and their kind, see services/postings.py.
"""

from services.i18n import Lazy
from services.invariant_rules import Rule

LEDGER_RULES = (
    Rule(
        "journals_balance",
        Lazy("Every journal has two entries or more, and they come to nothing."),
        """SELECT j.id, concat(count(e.id), ' legs: ', sum(e.amount_kopecks))
        FROM ledger_journal j LEFT JOIN ledger_entry e ON e.journal_id = j.id
        GROUP BY j.id HAVING count(e.id) < 2 OR sum(e.amount_kopecks) <> 0""",
    ),
    Rule(
        "guarded_accounts_hold_their_entries",
        Lazy("What a wallet or a prepayment holds is the sum of its entries."),
        """SELECT a.code, concat(a.balance_kopecks, ' <> ', e.total)
        FROM ledger_account a LEFT JOIN (
          SELECT account_id, sum(amount_kopecks) AS total, count(*) AS legs
          FROM ledger_entry GROUP BY account_id) e ON e.account_id = a.id
        WHERE a.guarded AND (a.balance_kopecks, a.version)
          IS DISTINCT FROM (coalesce(e.total, 0), coalesce(e.legs, 0))""",
    ),
    Rule(
        "guarded_accounts_never_fall_below_nothing",
        Lazy("No wallet and no prepayment was ever below nothing."),
        """SELECT code, balance_kopecks FROM ledger_account WHERE balance_kopecks < 0
        UNION ALL
        SELECT a.code, e.balance_after_kopecks FROM ledger_entry e
        JOIN ledger_account a ON a.id = e.account_id
        WHERE a.guarded AND coalesce(e.balance_after_kopecks, -1) < 0""",
    ),
    Rule(
        "snapshots_fit_entries",
        Lazy("Between two snapshots of an account lie exactly the entries between."),
        """SELECT s.account_id, s.up_to FROM (
          SELECT account_id, up_to, sum_kopecks,
                 lag(up_to, 1, '-infinity') OVER w AS since,
                 lag(sum_kopecks, 1, CAST(0 AS bigint)) OVER w AS before
          FROM ledger_snapshot WINDOW w AS (PARTITION BY account_id ORDER BY up_to)) s
        CROSS JOIN LATERAL (
          SELECT coalesce(sum(amount_kopecks), 0) AS moved FROM ledger_entry e
          WHERE e.account_id = s.account_id
            AND e.created_at > s.since AND e.created_at <= s.up_to) m
        WHERE s.sum_kopecks <> s.before + m.moved""",
    ),
    Rule(
        "patients_have_wallets",
        Lazy("Every patient has a wallet, and nobody has two."),
        """SELECT p.user_id, count(a.id) FROM patient_profile p
        JOIN app_user u ON u.id = p.user_id
          AND u.erased_at IS NULL AND u.merged_into IS NULL
        LEFT JOIN ledger_account a ON a.owner_id = p.user_id AND a.kind = 'wallet'
        GROUP BY p.user_id HAVING count(a.id) <> 1""",
    ),
    Rule(
        "clearing_fits_payments",
        Lazy(
            "The provider holds what was paid, less fees, refunds and what it has"
            " transferred."
        ),
        """SELECT 'psp_clearing', concat(held, ' <> ', told) FROM (
          SELECT (SELECT -coalesce(sum(e.amount_kopecks), 0) FROM ledger_entry e
                  JOIN ledger_account a ON a.id = e.account_id
                  WHERE a.kind = 'psp_clearing') AS held,
                 (SELECT coalesce(sum(captured_kopecks - coalesce(fee_kopecks, 0)), 0)
                  FROM payment WHERE status = 'succeeded' AND method <> 'wallet')
               - (SELECT coalesce(sum(amount_kopecks), 0) FROM refund
                  WHERE status = 'succeeded' AND provider_id IS NOT NULL)
               - (SELECT coalesce(sum(e.amount_kopecks), 0) FROM ledger_journal j
                  JOIN ledger_entry e ON e.journal_id = j.id
                  JOIN ledger_account a ON a.id = e.account_id
                  WHERE j.kind = 'settlement' AND a.kind = 'psp_clearing') AS told) c
        WHERE held <> told""",
    ),
    Rule(
        "transit_fits_refunds",
        Lazy("What is on its way back is what open refunds and withdrawals hold."),
        """SELECT 'refund_in_transit', concat(held, ' <> ', told) FROM (
          SELECT (SELECT coalesce(sum(e.amount_kopecks), 0) FROM ledger_entry e
                  JOIN ledger_account a ON a.id = e.account_id
                  WHERE a.kind = 'refund_in_transit') AS held,
                 (SELECT coalesce(sum(amount_kopecks), 0) FROM refund
                  WHERE status NOT IN ('succeeded', 'failed', 'rejected')
                    AND origin <> 'withdrawal')
               + (SELECT coalesce(sum(w.amount_kopecks - gone.kopecks), 0)
                  FROM withdrawal w CROSS JOIN LATERAL (
                    SELECT coalesce(sum(amount_kopecks), 0) AS kopecks FROM refund
                    WHERE withdrawal_id = w.id AND status = 'succeeded') gone
                  WHERE w.status NOT IN ('done', 'rejected')) AS told) t
        WHERE held <> told""",
    ),
    Rule(
        "payouts_are_posted",
        Lazy("A register that was paid is in the books line by line, others are not."),
        """SELECT p.id, concat(p.status, ' ', l.amount_kopecks, ' ', l.out, ' ', l.back)
        FROM payout p JOIN LATERAL (
          SELECT n.amount_kopecks, coalesce(sum(e.amount_kopecks)
                   FILTER (WHERE j.kind = 'payout'), 0) AS out,
                 coalesce(sum(e.amount_kopecks)
                   FILTER (WHERE j.kind = 'payout_reversed'), 0) AS back
          FROM payout_line n LEFT JOIN (ledger_journal j
            JOIN ledger_entry e ON e.journal_id = j.id)
            ON j.ref_id = n.payout_id AND e.account_id = n.account_id
          WHERE n.payout_id = p.id GROUP BY n.id) l ON true
        WHERE -l.out <> CASE WHEN p.status IN ('paid', 'reversed')
                             THEN l.amount_kopecks ELSE 0 END
           OR l.back <> CASE WHEN p.status = 'reversed'
                             THEN l.amount_kopecks ELSE 0 END
        UNION ALL
        SELECT p.id, concat(p.total_kopecks, ' <> ', sum(l.amount_kopecks))
        FROM payout p LEFT JOIN payout_line l ON l.payout_id = p.id
        GROUP BY p.id HAVING p.total_kopecks IS DISTINCT FROM sum(l.amount_kopecks)""",
    ),
)
