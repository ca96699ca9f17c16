"""Sums are whole kopecks inside and strings with two decimals outside."""

from decimal import ROUND_HALF_UP, Decimal


def money(kopecks: int) -> dict[str, str]:
    return {"value": f"{kopecks // 100}.{kopecks % 100:02d}", "currency": "RUB"}


def cost(kopecks: int, quantity: Decimal) -> int:
    """What so many pieces cost, rounded half up as receipts are."""
    exact = Decimal(kopecks) * quantity
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def fee(kopecks: int, hundredths_of_percent: int) -> int:
    return (kopecks * hundredths_of_percent + 5000) // 10_000
