"""Which faults were asked for, and what they fit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sandbox.yookassa.asked import Asked

BEFORE = (
    "latency",
    "hang_before",
    "cabinet_refund",
    "drop_key",
    "500_before",
    "reset_before",
    "429",
)
BENDS = ("status_skip", "refund_cancel", "refund_stuck_pending", "receipt_canceled")
AFTER = (
    "before_response",
    "unknown_enum",
    "hang_after",
    "500_after",
    "reset_after",
    "202",
    "502_html",
    "200_html",
    "200_list",
    "empty",
)
ON_EVENTS = ("lost", "dup", "reorder", "delay", "forged")
ACTIONS = (*BEFORE, *BENDS, *AFTER, *ON_EVENTS)


def _action(name: str) -> str:
    if name not in ACTIONS:
        raise ValueError(f"one of {', '.join(ACTIONS)}")
    return name


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as wrong:
        raise ValueError(f"not a regular expression: {wrong}") from wrong
    return text


Count = Annotated[int, Field(ge=0)]
Expression = Annotated[str, AfterValidator(_expression)]


class Match(BaseModel):
    """What a rule fits: requests, or for faults of webhooks the event's object.

    `path_re` is searched in /v3/… (an event's path is that of its object), `event` in
    payment.succeeded and the like; `metadata` must be contained in that of the
    request or of the object it names. `nth` counts from one.
    """

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    path_re: Expression | None = None
    event: Expression | None = None
    nth: int = Field(default=1, ge=1)
    metadata: dict[str, str] = {}


class RuleAsked(Asked):
    """Parameters of the action stand beside it. `times` 0, null or "all": always.

    Seconds are `s`, milliseconds `ms`. Each action reads its own and no others.
    """

    model_config = ConfigDict(extra="forbid", strict=False, populate_by_name=True)

    match: Match = Match()
    action: Annotated[str, AfterValidator(_action)]
    times: Count | Literal["all"] | None = 1
    s: float = Field(default=0, ge=0)
    ms: float = Field(default=0, ge=0)
    n: Count | Literal["all"] = 1
    concurrent: bool = False
    mode: Literal["swap", "canceled_after"] = "swap"
    retry_after: int = Field(default=1, alias="Retry-After")
    after: bool = False
    pay: bool = True
    at_once: bool = False
    reason: str = ""
    method: str = ""
    status: str = ""
    amount: Any = None
    kind: str = ""
    id: str = ""
    shop: str = ""
    source: str = ""
    url: str = ""
    headers: dict[str, str] = {}
    body: Any = None

    def params(self) -> dict[str, Any]:
        """What was given beside match, action and times."""
        known = {"match", "action", "times"}
        return self.model_dump(exclude=known, exclude_unset=True)


@dataclass(frozen=True)
class Subject:
    """A request, or an event, that a rule may fit."""

    path: str
    method: str = "POST"
    event: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Rule:
    """One fault and how often it fitted and fired."""

    id: int
    match: Match
    action: str
    times: int
    params: Mapping[str, Any]
    seen: int = 0
    fired: int = 0

    def fires(self, subject: Subject) -> bool:
        if not self._fits(subject):
            return False
        self.seen += 1
        if self.seen < self.match.nth or (self.times and self.fired >= self.times):
            return False
        self.fired += 1
        return True

    def _fits(self, subject: Subject) -> bool:
        match = self.match
        return (
            (match.method or subject.method).upper() == subject.method
            and re.search(match.path_re or "", subject.path) is not None
            and re.search(match.event or "", subject.event) is not None
            and match.metadata.items() <= subject.metadata.items()
        )

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "match": self.match.model_dump(exclude_defaults=True),
            "action": self.action,
            "times": self.times or "all",
            **self.params,
            "seen": self.seen,
            "fired": self.fired,
        }


class Faults:
    """Rules in the order they were made; all that fit fire together."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.rules: list[Rule] = []

    def add(self, wanted: RuleAsked) -> Rule:
        times = 0 if wanted.times in {"all", None} else int(wanted.times or 0)
        number = len(self.rules) + 1
        rule = Rule(number, wanted.match, wanted.action, times, wanted.params())
        self.rules.append(rule)
        return rule

    def of_request(self, subject: Subject) -> dict[str, Mapping[str, Any]]:
        """Give the actions that fire on this request, with their parameters."""
        return self._fired(subject, on_events=False)

    def of_event(self, subject: Subject) -> dict[str, Mapping[str, Any]]:
        return self._fired(subject, on_events=True)

    def _fired(
        self, subject: Subject, *, on_events: bool
    ) -> dict[str, Mapping[str, Any]]:
        return {
            rule.action: rule.params
            for rule in self.rules
            if (rule.action in ON_EVENTS) == on_events and rule.fires(subject)
        }
