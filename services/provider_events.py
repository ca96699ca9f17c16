"""What the provider answered or told, kept as it came, beside what we made of it."""

import json
import uuid

from sqlmodel.ext.asyncio.session import AsyncSession

from models import ProviderEvent
from services.gateways.yookassa_outcomes import Definite, Done, Outcome

LONGEST_STATUS, LONGEST_CODE = 40, 60


def record(
    session: AsyncSession,
    source: str,
    outcome: Outcome,
    *,
    payment_id: uuid.UUID | None = None,
    refund_id: uuid.UUID | None = None,
    note: str | None = None,
) -> None:
    """Keep one answer; `source` is the call, `note` says why it changed nothing."""
    row = ProviderEvent(
        payment_id=payment_id, refund_id=refund_id, source=source, outcome="unknown"
    )
    if isinstance(outcome, Done):
        status = outcome.raw.get("status")
        row.outcome, row.code = "done", note
        row.status = status[:LONGEST_STATUS] if isinstance(status, str) else None
        row.data = json.dumps(outcome.raw, ensure_ascii=False)
    elif isinstance(outcome, Definite):
        row.outcome, row.code = "definite", outcome.code[:LONGEST_CODE]
    else:
        row.code = outcome.reason[:LONGEST_CODE]
    session.add(row)
