"""Phone numbers: one spelling, E.164, whatever way they were typed."""

import phonenumbers

HOME_REGION = "RU"
LONGEST = 40


def complete_phone(typed: str) -> str | None:
    """Give the E.164 form of a whole, possible number; None for anything else."""
    if len(typed) > LONGEST or not typed.isprintable():
        return None
    try:
        number = phonenumbers.parse(typed, HOME_REGION)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def masked_phone(phone: str) -> str:
    """Show who is meant without giving the number away: +7•••••••45."""
    return f"{phone[:2]}{'•' * (len(phone) - 4)}{phone[-2:]}"
