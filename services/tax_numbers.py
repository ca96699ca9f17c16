"""Russian tax numbers (INN): ten digits of a company, twelve of a person."""

from collections.abc import Sequence

# The weights of the last ten digits before a check digit, right to left.
_WEIGHTS = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


def is_right(number: str) -> bool:
    """Tell whether the check digits of a tax number agree with the others."""
    if not (number.isascii() and number.isdigit()):
        return False
    digits = [int(each) for each in number]
    if len(digits) == 10:
        return digits[9] == _check(digits[:9])
    if len(digits) == 12:
        return digits[10] == _check(digits[:10]) and digits[11] == _check(digits[:11])
    return False


def _check(digits: Sequence[int]) -> int:
    weights = _WEIGHTS[-len(digits) :]
    return sum(w * d for w, d in zip(weights, digits, strict=True)) % 11 % 10
