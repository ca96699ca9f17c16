"""Messages that the outside world received: kept in memory, newest last."""

from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

MOST = 5000


@dataclass(frozen=True)
class Message:
    to: str
    subject: str
    text: str
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


class Inbox:
    """One kind of messages; the oldest make room for the newest."""

    def __init__(self) -> None:
        self.messages: deque[Message] = deque(maxlen=MOST)

    def put(self, to: str, subject: str, text: str) -> None:
        self.messages.append(Message(to, subject, text))

    def read(self, to: str | None) -> list[dict[str, str]]:
        return [
            asdict(each)
            for each in self.messages
            if not to or each.to.casefold() == to.casefold()
        ]
