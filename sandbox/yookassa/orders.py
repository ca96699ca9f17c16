"""Orders of the control, and what it tells about deliveries and time."""

from dataclasses import asdict
from typing import Any, Literal

from pydantic import ConfigDict, Field

from sandbox.yookassa import notices
from sandbox.yookassa.asked import Asked, kopecks_of
from sandbox.yookassa.clock import stamp
from sandbox.yookassa.config import near
from sandbox.yookassa.problems import Problem, missing
from sandbox.yookassa.provider import Provider
from sandbox.yookassa.records import Delivery, Payment, Refund
from sandbox.yookassa.rendering import shown


class Order(Asked):
    """Orders name nothing that is not known: a slip must not pass in silence."""

    model_config = ConfigDict(extra="forbid")


class ClockOrder(Order):
    advance_s: float = Field(ge=0, le=10 * 365 * 24 * 3600)


class WebhookOrder(Order):
    url: str


class CabinetOrder(Order):
    """`amount` is kopecks, or as the API writes it; without it all that is left."""

    payment_id: str
    amount: Any = None

    @property
    def kopecks(self) -> int | None:
        return kopecks_of(self.amount)


class DeclineOrder(Order):
    party: str = "payment_network"
    reason: str = "general_decline"


class FinishOrder(Order):
    status: Literal["succeeded", "canceled"] = "succeeded"
    reason: str = "rejected_by_payee"

    def outcome(self) -> dict[str, str]:
        return {"outcome": self.status, "reason": self.reason}


class ForgeOrder(Order):
    """A false notification about a payment or a refund, or a body as it is given."""

    kind: Literal["unknown_id", "other_shop", "other_amount", "wrong_ip", "raw"] = (
        "unknown_id"
    )
    event: str = "payment.succeeded"
    object_id: str | None = None
    payment_id: str | None = None
    id: str | None = None
    shop: str | None = None
    amount: str | None = None
    body: Any = None
    source: str | None = None
    headers: dict[str, str] = {}
    url: str | None = None


def demand_near(url: str) -> None:
    """An empty address means: deliver nothing."""
    if not near(url):
        raise Problem("Only an address of loopback", "url")


def forged(provider: Provider, wanted: ForgeOrder) -> Delivery:
    demand_near(wanted.url or "")
    how = wanted.model_dump(exclude_none=True)
    if wanted.kind == "raw":
        return notices.forge(provider, {}, how | {"body": wanted.body})
    object_id = wanted.object_id or wanted.payment_id or ""
    store = provider.store
    record = store.get(Payment, object_id) or store.get(Refund, object_id)
    if record is None:
        raise missing("Object")
    true = notices.notification(wanted.event, shown(provider.config, record))
    return notices.forge(provider, true, how)


def delivery(row: Delivery) -> dict[str, Any]:
    told = asdict(row) | {"open": row.open}
    told |= {"created_at": stamp(row.created_at), "due_at": stamp(row.due_at)}
    return {name: value for name, value in told.items() if value is not None}


def time_of(provider: Provider) -> dict[str, Any]:
    return {"now": stamp(provider.clock.now()), "ahead_s": provider.clock.ahead / 1000}
