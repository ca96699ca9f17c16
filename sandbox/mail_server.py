"""A real SMTP server whose letters land in an inbox."""

from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.inbox import Inbox

LARGEST_LETTER = 1_000_000


class Letters:
    """Takes every letter; one to `refused@…` is turned away as servers do."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if address.startswith("refused@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        raw = envelope.content or b""
        content = raw if isinstance(raw, bytes) else raw.encode()
        letter = message_from_bytes(content, policy=policy.default)
        body = letter.get_body(("plain",))
        text = body.get_content().strip() if body else ""
        for address in envelope.rcpt_tos:
            self.inbox.put(address, str(letter["Subject"]), text)
        return "250 OK"


def mail_server(inbox: Inbox, port: int) -> Controller:
    return Controller(
        Letters(inbox),
        hostname="127.0.0.1",
        port=port,
        data_size_limit=LARGEST_LETTER,
        ready_timeout=10,
    )
