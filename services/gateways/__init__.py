"""The only code that talks to the outside world; never inside a transaction."""


class Undelivered(Exception):
    """The message did not get through this time; the text is fit for an operator.

    `refused` says that trying again cannot help.
    """

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class NotConfigured(Exception):
    """Nobody told us yet which server to use, so the message waits."""
