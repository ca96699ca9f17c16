"""Sums as people read them, in both languages, debts included."""

import pytest

from services import amounts
from services.i18n import use_locale


@pytest.mark.parametrize(
    ("kopecks", "russian", "english"),
    [
        (0, "0 ₽", "0 ₽"),
        (5, "0,05 ₽", "0.05 ₽"),
        (1_250_000, "12 500 ₽", "12,500 ₽"),
        (1_250_050, "12 500,50 ₽", "12,500.50 ₽"),
        (-150, "−1,50 ₽", "−1.50 ₽"),
        (-450_000, "−4 500 ₽", "−4,500 ₽"),
    ],
)
def test_roubles(kopecks: int, russian: str, english: str) -> None:
    for locale, expected in (("ru", russian), ("en", english)):
        with use_locale(locale):
            assert amounts.roubles(kopecks).replace("\xa0", " ") == expected
