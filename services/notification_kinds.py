"""What is known of every kind of message: its words, its ways, who gets it."""

from dataclasses import dataclass

from models.notification import NotificationChannel
from models.role_grant import Role
from services.i18n import Lazy

TELEGRAM, SMS = NotificationChannel.TELEGRAM, NotificationChannel.SMS
EMAIL, CONSOLE = NotificationChannel.EMAIL, NotificationChannel.CONSOLE

# What happens goes where it is seen soonest; letters about an account go by mail.
EVENT = (TELEGRAM, SMS, EMAIL)
LETTER = (EMAIL, SMS)
ON_DESK = (CONSOLE,)
RELAY = (TELEGRAM,)

PATIENTS = frozenset({Role.PATIENT})
DOCTORS = frozenset({Role.DOCTOR})
# Applicants are patients until they are approved.
APPLICANTS = PATIENTS | DOCTORS
MANAGERS = frozenset({Role.CLINIC})
EVERYBODY = PATIENTS | DOCTORS | MANAGERS
STAFF = frozenset({Role.DISPATCHER, Role.CURATOR, Role.FINANCE, Role.ADMIN})


@dataclass(frozen=True)
class Text:
    """One kind of message.

    `channels` are tried in this order until one of them has delivered it. An urgent
    message wakes people up; a mandatory one cannot be switched off. A passing one is
    worth nothing later, so it is given up without a trace. `roles` may get it.
    """

    subject: Lazy
    body: Lazy
    short: Lazy | None = None
    channels: tuple[NotificationChannel, ...] = EVENT
    roles: frozenset[Role] = PATIENTS
    urgent: bool = False
    mandatory: bool = False
    passing: bool = False
