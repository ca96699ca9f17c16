"""The codes of VAT rates on a fiscal receipt, and what they are called.

Source: https://yookassa.ru/developers/54fz/parameters-values. Medical services of the
list of licensed ones are exempt: Tax Code, article 149, clause 2, subclause 2.
"""

from collections.abc import Mapping

from services.i18n import Lazy

EXEMPT = 1
RATES: Mapping[int, Lazy | str] = {
    EXEMPT: Lazy("No VAT"),
    2: "0 %",
    3: "10 %",
    4: "20 %",
    5: "10/110",
    6: "20/120",
    7: "5 %",
    8: "7 %",
    9: "5/105",
    10: "7/107",
    11: "22 %",
    12: "22/122",
}


def choices() -> list[tuple[int, str]]:
    """Every code with its name, for a list to choose from."""
    return [(code, name(code)) for code in RATES]


def name(code: int) -> str:
    """What a rate is called in the reader's language."""
    return str(RATES[code])
