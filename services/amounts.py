"""Sums of money as people read them."""

from babel import numbers

from services.i18n import current_locale


def roubles(kopecks: int) -> str:
    """1250000 → «12 500 ₽»; kopecks only where there are some."""
    whole, rest = divmod(kopecks, 100)
    grouped = numbers.format_decimal(whole, locale=current_locale())
    return f"{grouped}{f',{rest:02d}' if rest else ''}\u00a0₽"
