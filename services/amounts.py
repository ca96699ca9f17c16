"""Sums of money as people read them."""

from babel import numbers

from services.i18n import current_locale


def roubles(kopecks: int) -> str:
    """1250000 → «12 500 ₽»; kopecks only where there are some, a debt with a minus."""
    whole, rest = divmod(abs(kopecks), 100)
    locale = current_locale()
    grouped = numbers.format_decimal(whole, locale=locale)
    part = f"{numbers.get_decimal_symbol(locale)}{rest:02d}" if rest else ""
    return f"{'−' if kopecks < 0 else ''}{grouped}{part}\u00a0₽"
