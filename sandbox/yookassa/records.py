"""What the provider remembers. Sums are kopecks, moments milliseconds."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.yookassa.clock import SECOND

MILLENNIUM = 946_684_800  # Ids of the provider count seconds from the year 2000.
PAYMENT, REFUND, RECEIPT, PAYOUT = 0x000F, 0x0015, 0x0016, 0x0017


class Record(Protocol):
    """Anything that is kept: under an id, in the order of `seq`."""

    @property
    def id(self) -> str: ...

    @property
    def seq(self) -> int: ...

    @property
    def open(self) -> bool:
        """Something can still happen to it by itself."""
        ...


@dataclass(frozen=True, kw_only=True)
class Payment:
    """`refunded` counts refunds that succeeded; `due_at` is when it is cancelled."""

    id: str
    seq: int
    shop: str
    created_at: int
    amount: int
    method: str
    method_asked: bool
    capture: bool
    confirmation: Mapping[str, str]
    status: str = "pending"
    due_at: int | None = None
    description: str | None = None
    customer: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    receipt: Mapping[str, Any] | None = None
    receipt_fails: bool = False
    registration: str | None = None
    captured_at: int | None = None
    refunded: int = 0
    instrument: Mapping[str, Any] = field(default_factory=dict)
    authorization: Mapping[str, Any] = field(default_factory=dict)
    cancellation: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.due_at is not None


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Becomes what `outcome` says at `due_at`; without a moment it hangs for ever."""

    id: str
    seq: int
    shop: str
    created_at: int
    payment_id: str
    amount: int
    method: str
    status: str = "pending"
    due_at: int | None = None
    outcome: str = "succeeded"
    reason: str = "rejected_by_payee"
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    receipt: Mapping[str, Any] | None = None
    receipt_fails: bool = False
    registration: str | None = None
    cancellation: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.due_at is not None


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """`own`: it belongs to the registration of its payment or refund."""

    id: str
    seq: int
    shop: str
    created_at: int
    type: str
    of: str
    data: Mapping[str, Any]
    own: bool
    status: str = "pending"
    due_at: int | None = None
    outcome: str = "succeeded"

    @property
    def open(self) -> bool:
        return self.due_at is not None


@dataclass(frozen=True, kw_only=True)
class Payout:
    id: str
    seq: int
    shop: str
    created_at: int
    amount: int
    destination: Mapping[str, Any]
    status: str = "pending"
    due_at: int | None = None
    outcome: str = "succeeded"
    reason: str = "general_decline"
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    succeeded_at: int | None = None
    cancellation: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.due_at is not None


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The first answer to an idempotency key; the id is shop, method, path and key."""

    id: str
    seq: int
    at: int
    fingerprint: str
    body: Mapping[str, Any]
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook on its way, or arrived.

    `waits_for` is the delivery that must be tried first, "*" any other of the same
    payment. `copies` are sent in the first attempt; `lost` attempts go nowhere.
    """

    id: str
    seq: int
    created_at: int
    due_at: int
    event: str
    object_id: str
    payment_id: str
    body: Any
    status: str = "pending"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    rounds: int = 0
    waits_for: str | None = None
    copies: int = 1
    concurrent: bool = False
    lost: int = 0
    once: bool = False
    forged: bool = False
    url: str | None = None
    source: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.status == "pending"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A setting that outlives a restart."""

    id: str
    value: Any
    seq: int = 0
    open: bool = False


KINDS: tuple[type[Any], ...] = (
    Payment,
    Refund,
    Receipt,
    Payout,
    Answered,
    Delivery,
    Kept,
)


def new_id(kind: int, now: int) -> str:
    """Make an id as the provider does: 22e12f66-000f-5000-8000-18db351245c7."""
    seconds = (now // SECOND - MILLENNIUM) % 2**32
    return f"{seconds:08x}-{kind:04x}-5000-8000-{secrets.randbits(48):012x}"
