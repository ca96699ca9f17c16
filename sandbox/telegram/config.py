"""What the local Telegram is told when it starts."""

import os
import time
from dataclasses import dataclass

from sandbox.yookassa.config import demand_no_production

TOKEN, NAME = "7000000001:demo_token_of_no_bot", "tot_demo_bot"
# Ids go on growing after a restart as long as there is less than one a second.
EPOCH = 1_760_000_000


@dataclass(frozen=True)
class Config:
    """One bot. `invent` makes a phone of any chat that is written to.

    `speed` shortens the pauses between deliveries to a webhook and nothing else.
    """

    token: str = TOKEN
    name: str = NAME
    invent: bool = True
    first_id: int = 1
    speed: float = 1.0

    def __post_init__(self) -> None:
        demand_no_production("The local Telegram")
        if self.speed <= 0:
            raise ValueError("speed must be above zero")

    @property
    def bot_id(self) -> int:
        return int(self.token.partition(":")[0])


def from_environment() -> Config:
    """Read TOT_TELEGRAM_BOT_TOKEN and TOT_TELEGRAM_BOT_NAME."""
    told = os.environ.get
    return Config(
        token=told("TOT_TELEGRAM_BOT_TOKEN") or TOKEN,
        name=told("TOT_TELEGRAM_BOT_NAME") or NAME,
        first_id=int(time.time()) - EPOCH,
    )
