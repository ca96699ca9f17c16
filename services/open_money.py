"""Money in flight: what stands in the way of closing or shutting out an account."""

import uuid
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services.errors import OpenObligations
from services.i18n import Lazy

# Conditions on the accounts in {ids}; a call belongs to its patient.
_CALLS = "SELECT b.id FROM booking b WHERE b.patient_id = ANY({ids})"
OF_PATIENTS: Mapping[str, str] = {
    "payment": f"""
      EXISTS (SELECT FROM payment p WHERE p.booking_id IN ({_CALLS})
               AND p.status IN ('created', 'unknown', 'pending'))""",
    "refund": f"""
      EXISTS (SELECT FROM refund r WHERE r.booking_id IN ({_CALLS})
               AND r.status NOT IN ('succeeded', 'failed', 'rejected'))""",
    "claim": f"""
      EXISTS (SELECT FROM refund_claim c WHERE c.booking_id IN ({_CALLS})
               AND c.status = 'open')""",
    "withdrawal": """
      EXISTS (SELECT FROM withdrawal w WHERE w.user_id = ANY({ids})
               AND w.status NOT IN ('done', 'rejected'))""",
    "wallet": """
      EXISTS (SELECT FROM ledger_account a WHERE a.kind = 'wallet'
               AND a.owner_id = ANY({ids}) AND a.balance_kopecks > 0)""",
}
# Earnings that wait for a register, and extras that a patient may still agree to.
_OF_DOCTORS: Mapping[str, str] = {
    "earnings": """
      coalesce((SELECT sum(e.amount_kopecks) <> 0 FROM ledger_entry e
                 JOIN ledger_account a ON a.id = e.account_id
                WHERE a.kind = 'doctor_payable' AND a.owner_id = ANY({ids})), false)
      OR EXISTS (SELECT FROM assignment t JOIN booking b ON b.id = t.booking_id
                  WHERE t.doctor_id = ANY({ids}) AND t.outcome = 'completed'
                    AND b.extra_consent = 'awaited')""",
}
WORDS: Mapping[str, Lazy] = {
    "payment": Lazy("a payment under way"),
    "refund": Lazy("a refund under way"),
    "claim": Lazy("a request for a refund"),
    "withdrawal": Lazy("a withdrawal under way"),
    "wallet": Lazy("money in the wallet"),
    "earnings": Lazy("earnings that are not settled"),
}


def nothing_open(ids: str) -> str:
    """Say in SQL that nothing of patients is open; `ids` is an array of SQL."""
    conditions = " OR ".join(each.format(ids=ids) for each in OF_PATIENTS.values())
    return f"NOT ({conditions})"


async def demand_none(
    session: AsyncSession, ids: Sequence[uuid.UUID], *, earnings: bool = False
) -> None:
    """Refuse while money of these accounts is open; `earnings`: a doctor's as well.

    Raises OpenObligations, which says what is open.
    """
    asked = {**OF_PATIENTS, **(_OF_DOCTORS if earnings else {})}
    columns = [f"({text.format(ids=':ids')}) AS {name}" for name, text in asked.items()]
    query = sa.text(f"SELECT {', '.join(columns)}")
    bound = query.bindparams(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
    row = (await session.execute(bound, {"ids": list(ids)})).one()
    found = [str(WORDS[name]) for name in asked if getattr(row, name)]
    if found:
        raise OpenObligations("Money stands in the way: {what}.", what=", ".join(found))
