"""What can be switched on to go wrong."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.telegram.refusals import flood


@dataclass
class Flood:
    """The next so many sends are told to wait."""

    seconds: int
    times: int


@dataclass
class Faults:
    """Floods by chat (0: any), an outage for some requests, slow answers.

    `how` of an outage: "500", or "closed" for a connection torn without an answer.
    """

    floods: dict[int, Flood] = field(default_factory=dict)
    outage: int = 0
    how: str = "500"
    slow: float = 0.0

    def flooded(self, chat_id: int) -> None:
        """Refuse a send while a flood of this chat, or of all, lasts."""
        for place in (chat_id, 0):
            found = self.floods.get(place)
            if found is None:
                continue
            found.times -= 1
            if found.times <= 0:
                del self.floods[place]
            raise flood(found.seconds)

    def out(self) -> bool:
        """Take one request of the outage, if there is one."""
        if self.outage <= 0:
            return False
        self.outage -= 1
        return True

    def told(self) -> dict[str, Any]:
        floods = {str(chat): vars(each) for chat, each in self.floods.items()}
        return {
            "floods": floods,
            "outage": self.outage,
            "how": self.how,
            "slow": self.slow,
        }
