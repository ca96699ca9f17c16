"""Plots of money by days as plain geometry; templates/money/_plots.html draws it.

No library and no script: bars stand on a common line, sums above it, what went the
other way below. The axis is on the right, where the newest day is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from backoffice import formats
from models.payment import PaymentMethod
from services.i18n import gettext
from services.money_days import Flow, Summary, Sums

WIDTH, HEIGHT = 1000, 250
LEFT, RIGHT, TOP, BOTTOM = 6, 906, 14, 222
LABELS, TICKS = 10, 4
STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Bar:
    """A box of one colour."""

    y: float
    height: float
    kind: str


@dataclass(frozen=True)
class Slot:
    """The place of one day: what it says, its boxes, and the day if it is written."""

    x: float
    width: float
    words: str
    bars: Sequence[Bar]
    label: str = ""
    differs: bool = False

    @property
    def middle(self) -> float:
        """Where its label and its point stand."""
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True)
class Plot:
    """Everything that is drawn; `line` goes through the points of a second row."""

    zero: float
    ticks: Sequence[tuple[float, str]]
    slots: Sequence[Slot]
    points: Sequence[tuple[float, float]] = field(default_factory=tuple)
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def line(self) -> str:
        """The points as SVG wants them."""
        return " ".join(f"{x},{y}" for x, y in self.points)


@dataclass(frozen=True)
class Scale:
    """From kopecks to a height on the plot."""

    low: int
    high: int
    step: int

    @classmethod
    def over(cls, values: Iterable[int]) -> "Scale":
        """Take round steps that reach over all the values, and nothing itself."""
        found = [0, *values]
        low, high = min(found), max(found)
        step = _step(max(high - low, 100))
        return cls(low, -(-high // step) * step or step, step)

    def y(self, kopecks: int) -> float:
        """Where a sum stands."""
        part = (self.high - kopecks) / (self.high - self.low)
        return round(TOP + part * (BOTTOM - TOP), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Where the lines are, and their words."""
        lowest = -(-self.low // self.step) * self.step
        values = range(lowest, self.high + 1, self.step)
        return [(self.y(each), formats.roubles(each)) for each in values]


def _step(span: int) -> int:
    """The least round number of roubles of which few cover the span."""
    unit = 100
    while unit * 10 * TICKS < span:
        unit *= 10
    return next(unit * each for each in STEPS if unit * each * TICKS >= span)


def flows(summary: Summary) -> Plot:
    """Paid above the line and refunded below, stacked by the way to pay."""
    days = summary.days
    sums = [day.came.kopecks for day in days.values()]
    backs = [-day.back.kopecks for day in days.values()]
    scale = Scale.over([*sums, *backs])

    def bars(day: Sums) -> list[Bar]:
        return [*_stack(scale, day.paid, 1), *_stack(scale, day.refunded, -1)]

    return Plot(scale.y(0), scale.ticks(), _slots(days, bars, _flow_words))


def clearing(summary: Summary) -> Plot:
    """What payments and refunds come to, as bars; what the books say, as a line."""
    days = summary.days
    told = [day.told for day in days.values()]
    posted = [day.posted for day in days.values()]
    scale = Scale.over([*told, *posted])

    def bars(day: Sums) -> list[Bar]:
        ends = sorted((scale.y(0), scale.y(day.told)))
        return [Bar(ends[0], round(ends[1] - ends[0], 1), "told")]

    slots = _slots(days, bars, _clearing_words)
    points = [
        (slot.middle, scale.y(each)) for slot, each in zip(slots, posted, strict=True)
    ]
    return Plot(scale.y(0), scale.ticks(), slots, points)


def _stack(scale: Scale, flows: Mapping[PaymentMethod, Flow], way: int) -> list[Bar]:
    found, reached = [], 0
    for method, flow in flows.items():
        if flow.kopecks:
            ends = scale.y(reached), scale.y(reached + way * flow.kopecks)
            top = min(ends)
            kind = method.value if way > 0 else f"{method.value} is-back"
            found.append(Bar(top, round(abs(ends[0] - ends[1]), 1), kind))
            reached += way * flow.kopecks
    return found


def _slots(
    days: Mapping[date, Sums],
    bars: Callable[[Sums], list[Bar]],
    words: Callable[[Sums], str],
) -> list[Slot]:
    width = (RIGHT - LEFT) / len(days)
    every = -(-len(days) // LABELS)
    last = len(days) - 1
    return [
        Slot(
            round(LEFT + place * width, 2),
            round(width, 2),
            f"{formats.day(day)}: {words(sums)}",
            bars(sums),
            formats.short_day(day) if (last - place) % every == 0 else "",
            sums.difference != 0,
        )
        for place, (day, sums) in enumerate(days.items())
    ]


def _flow_words(day: Sums) -> str:
    return gettext(
        "paid {paid}, given back {back}",
        paid=formats.roubles(day.came.kopecks),
        back=formats.roubles(day.back.kopecks),
    )


def _clearing_words(day: Sums) -> str:
    return gettext(
        "by payments and refunds {told}, by the books {posted}",
        told=formats.roubles(day.told),
        posted=formats.roubles(day.posted),
    )
