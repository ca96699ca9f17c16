"""The only code that talks to the outside world; never inside a transaction."""


class Undelivered(Exception):
    """The message did not get through this time; the text is fit for an operator.

    `refused` says that trying again cannot help; `retry_after` is when the provider
    wants to hear from us again, in seconds.
    """

    def __init__(
        self, text: str, *, refused: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(text)
        self.refused = refused
        self.retry_after = retry_after


class NotConfigured(Exception):
    """Nobody told us yet which server to use, so the message waits."""
