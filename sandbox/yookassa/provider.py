"""The provider as its verbs see it: what it is told, what it knows, what time it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.yookassa.clock import Clock
from sandbox.yookassa.config import Config
from sandbox.yookassa.fault_rules import Faults
from sandbox.yookassa.records import Kept
from sandbox.yookassa.store import Store


class Provider:
    """One provider. Verbs run without a pause between reading and `commit`, so that
    two requests never see each other's half."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.store = Store(config.state)
        self.clock = Clock(self._kept("ahead", 0))
        self.webhook_url: str = self._kept("webhook_url", config.webhook_url)
        if config.webhook_url:
            self.webhook_url = config.webhook_url
        self.faults = Faults()
        self.woken: list[Callable[[], None]] = []

    def _kept(self, name: str, otherwise: Any) -> Any:
        kept = self.store.get(Kept, name)
        return otherwise if kept is None else kept.value

    def commit(self) -> None:
        """Make everything durable, then wake whoever delivers."""
        self.store.commit()
        for wake in self.woken:
            wake()

    def advance(self, seconds: float) -> None:
        self.clock.ahead += round(seconds * 1000)
        self.store.put(Kept(id="ahead", value=self.clock.ahead))

    def deliver_to(self, url: str) -> None:
        self.webhook_url = url
        self.store.put(Kept(id="webhook_url", value=url))

    def reset(self) -> None:
        """Begin anew as it was started."""
        self.store.clear()
        self.clock.ahead = 0
        self.webhook_url = self.config.webhook_url
        self.faults.clear()


@dataclass(frozen=True)
class Call:
    """One request of a shop. `bends` are faults that bend the work itself."""

    shop: str
    method: str
    path: str
    base: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    bends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
