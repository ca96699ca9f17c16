"""What people are told of their accounts; none of it can be switched off."""

from collections.abc import Mapping

from services.i18n import Lazy
from services.notification_kinds import (
    APPLICANTS,
    EVERYBODY,
    LETTER,
    MANAGERS,
    RELAY,
    STAFF,
    Text,
)

ACCOUNTS: Mapping[str, Text] = {
    "verification_code": Text(
        Lazy("Your code"),
        Lazy(
            "Your code is {secret}. It is good for 10 minutes."
            " Nobody of the service will ever ask you for it."
        ),
        Lazy("TOT: code {secret}. Tell it to nobody."),
        channels=LETTER,
        roles=EVERYBODY,
        urgent=True,
        mandatory=True,
    ),
    "claim_code": Text(
        Lazy("Your code"),
        Lazy("With the code {secret} your calls made by phone become yours to see."),
        Lazy("TOT: code {secret} opens your calls made by phone. Tell it to nobody."),
        channels=LETTER,
        roles=EVERYBODY,
        urgent=True,
        mandatory=True,
    ),
    "contact_change_code": Text(
        Lazy("A new contact"),
        Lazy("With the code {secret} this becomes the contact of your account."),
        Lazy("TOT: code {secret} for your new number. Tell it to nobody."),
        channels=LETTER,
        roles=EVERYBODY,
        urgent=True,
        mandatory=True,
    ),
    "contact_changed": Text(
        Lazy("Your contact was changed"),
        Lazy("Another contact is now set in your account. If it was not you, call us."),
        channels=LETTER,
        roles=EVERYBODY,
        urgent=True,
        mandatory=True,
    ),
    "password_reset": Text(
        Lazy("A new password"),
        Lazy(
            "Set a new password here: {secret}\n"
            "The link works once, for 30 minutes. If it was not you, do nothing."
        ),
        Lazy("TOT: new password {secret}"),
        channels=LETTER,
        roles=EVERYBODY,
        urgent=True,
        mandatory=True,
    ),
    "password_changed": Text(
        Lazy("Your password was changed"),
        Lazy("Your password was changed. If it was not you, call us."),
        channels=LETTER,
        roles=EVERYBODY,
        urgent=True,
        mandatory=True,
    ),
    "second_factor_off": Text(
        Lazy("The second factor is switched off"),
        Lazy(
            "The second factor of your account is switched off."
            " If it was not you, tell your administrator at once."
        ),
        channels=LETTER,
        roles=STAFF,
        urgent=True,
        mandatory=True,
    ),
    "account_erased": Text(
        Lazy("Your account is erased"),
        Lazy("Your account and its personal data are erased."),
        channels=LETTER,
        roles=EVERYBODY,
        urgent=True,
        mandatory=True,
    ),
    "telegram_linked": Text(
        Lazy("This chat is linked"),
        Lazy(
            "This chat now belongs to the account “{person}”. If that is not yours,"
            " send /stop."
        ),
        channels=RELAY,
        roles=APPLICANTS,
        urgent=True,
        mandatory=True,
        passing=True,
    ),
    "clinic_invitation": Text(
        Lazy("You are invited to manage a clinic"),
        Lazy("Accept the invitation and set a password here: {secret}"),
        channels=LETTER,
        roles=MANAGERS,
        urgent=True,
        mandatory=True,
    ),
}
