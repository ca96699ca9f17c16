"""Mail by SMTP."""

import ssl
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

import aiosmtplib

from services.config import Settings
from services.gateways import NotConfigured, Undelivered

SECONDS = 15.0
PERMANENT = 500


async def send(settings: Settings, to: str, subject: str, text: str) -> None:
    """Hand one letter to the mail server.

    Raises NotConfigured without a server, Undelivered when it did not take it.
    """
    if not settings.smtp_host:
        raise NotConfigured
    try:
        await aiosmtplib.send(_letter(settings, to, subject, text), **_way(settings))
    except aiosmtplib.SMTPRecipientsRefused as error:
        # The words of the server may quote the address, so they are not kept.
        refused = all(each.code >= PERMANENT for each in error.recipients)
        raise Undelivered("recipient refused", refused=refused) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Undelivered(f"mail server: {type(error).__name__}") from error


def _letter(settings: Settings, to: str, subject: str, text: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = settings.mail_from
    letter["To"] = to
    letter["Subject"] = subject
    letter["Message-ID"] = make_msgid(domain=settings.mail_from.rpartition("@")[2])
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text)
    return letter


def _way(settings: Settings) -> dict[str, Any]:
    way: dict[str, Any] = {
        "hostname": settings.smtp_host,
        "port": settings.smtp_port,
        "timeout": SECONDS,
        "use_tls": settings.smtp_tls == "tls",
        "start_tls": settings.smtp_tls == "starttls",
    }
    if settings.smtp_tls != "none":
        way["tls_context"] = ssl.create_default_context()
    if settings.smtp_username:
        way["username"] = settings.smtp_username
        way["password"] = settings.smtp_password
    return way
