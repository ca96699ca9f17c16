"""Looking for a payment in the provider's list when its id never reached us.

The list cannot be asked by metadata, so a window of time is read whole. Source:
https://yookassa.ru/developers/using-api/lists
"""

import uuid
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any

from services.gateways import yookassa
from services.gateways.yookassa_client import Shop
from services.gateways.yookassa_outcomes import Definite, Done, Unknown

# Their clock may differ from ours, and the last call with a key is a day after the
# first at most.
SKEW, LONGEST = timedelta(minutes=10), timedelta(hours=25)


class Nowhere(Enum):
    """The list was read whole, and the payment is not in it."""

    NOWHERE = "nowhere"


NOWHERE = Nowhere.NOWHERE


async def by_attempt(
    shop: Shop, attempt_id: uuid.UUID, since: datetime
) -> Done | Definite | Unknown | Nowhere:
    """Find the payment made for an attempt whose key was first used at `since`."""
    page = partial(
        yookassa.list_payments,
        shop,
        created_gte=since - SKEW,
        created_lt=since + LONGEST,
    )
    listed = await yookassa.every(page)
    if not isinstance(listed, list):
        return listed
    found = [each for each in listed if _attempt(each) == str(attempt_id)]
    return Done(found[0]) if found else NOWHERE


def _attempt(raw: dict[str, Any]) -> Any:
    metadata = raw.get("metadata")
    return metadata.get("attempt_id") if isinstance(metadata, dict) else None
