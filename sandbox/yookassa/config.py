"""What the local YooKassa is told when it starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

EVENTS = (
    "payment.waiting_for_capture",
    "payment.succeeded",
    "payment.canceled",
    "refund.succeeded",
    "payout.succeeded",
    "payout.canceled",
)


@dataclass(frozen=True)
class Config:
    """Shops with their keys, and how the provider behaves. Times are in seconds.

    `answer_s` is how long a webhook waits for its 200. `state` is a path of SQLite, empty: in memory. `speed` shortens the pauses between
    deliveries of a webhook and nothing else. `strict_qr` gives links as NSPK writes
    them instead of ones that open here. Fees are in hundredths of a percent.
    """

    shop: str = "100500"
    key: str = "test_local_shop"
    other_shops: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    webhook_url: str = ""
    events: tuple[str, ...] = EVENTS
    state: str = ""
    fiscalization: bool = True
    strict_qr: bool = False
    speed: float = 1.0
    refund_s: float = 20.0
    receipt_s: float = 2.0
    payout_s: float = 20.0
    answer_s: float = 10.0
    fees: Mapping[str, int] = field(
        default_factory=lambda: {"bank_card": 350, "sbp": 70}
    )

    def __post_init__(self) -> None:
        demand_no_production()
        if self.speed <= 0:
            raise ValueError("speed must be above zero")
        if not near(self.webhook_url):
            raise ValueError("webhooks go to an address of loopback only")

    def key_of(self, shop: str) -> str | None:
        return {**self.other_shops, self.shop: self.key}.get(shop)


def near(url: str) -> bool:
    """The address is of this machine, or empty: nothing leaves it."""
    try:
        host = urlsplit(url).hostname or ""
        own = host == "localhost" or _is_own(ip_address(host))
    except ValueError:
        own = False
    return own or not url


def _is_own(address: IPv4Address | IPv6Address) -> bool:
    return address.is_loopback or address.is_unspecified


def demand_no_production(what: str = "The local YooKassa") -> None:
    """Real patients must never pay into an emulator, nor write to one."""
    if os.environ.get("TOT_PROFILE", "").strip().lower() == "production":
        raise SystemExit(f"{what} does not start with TOT_PROFILE=production.")


def from_environment(webhook_url: str = "", state: str = "") -> Config:
    """Read TOT_YOOKASSA_*; the control interface is open only to TOT_SANDBOX_TOKEN."""
    told = os.environ.get
    pairs = [
        each.split(":", 1) for each in told("TOT_YOOKASSA_OTHER_SHOPS", "").split(",")
    ]
    return Config(
        shop=told("TOT_YOOKASSA_SHOP_ID") or Config.shop,
        key=told("TOT_YOOKASSA_SECRET_KEY") or Config.key,
        other_shops={pair[0]: pair[1] for pair in pairs if len(pair) == 2},
        token="" if told("EMU_CTL") == "0" else told("TOT_SANDBOX_TOKEN", ""),
        webhook_url=webhook_url,
        state=state,
        fiscalization=told("TOT_YOOKASSA_FISCALIZATION", "1") != "0",
        strict_qr=told("TOT_YOOKASSA_QR_MODE", "demo") == "strict",
        speed=float(told("TOT_YOOKASSA_SPEED") or 1),
        refund_s=float(told("TOT_YOOKASSA_REFUND_S") or Config.refund_s),
    )
