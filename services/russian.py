"""As much Russian grammar as short sentences about colleagues need."""

# Names of men that end like names of women.
_MASCULINE_IN_A = frozenset(
    {"никита", "илья", "кузьма", "фома", "лука", "савва", "данила", "гаврила", "миша"}
)
_ACCUSATIVE_MASCULINE = (
    (("ский", "цкий", "ый", "ий", "ой"), 2, "ого"),
    (("й", "ь"), 1, "я"),
    (("а",), 1, "у"),
    (("я",), 1, "ю"),
    (tuple("бвгджзклмнпрстфхцчшщ"), 0, "а"),
)
_ACCUSATIVE_FEMININE = (
    (("ая",), 2, "ую"),
    (("яя",), 2, "юю"),
    (("а",), 1, "у"),
    (("я",), 1, "ю"),
)


def is_feminine(first_name: str, middle_name: str | None) -> bool:
    """Guess from the patronymic, which never lies, else from the first name."""
    patronymic = (middle_name or "").lower()
    if patronymic.endswith(("вна", "чна", "кызы")):
        return True
    if patronymic.endswith(("ич", "оглы")):
        return False
    name = first_name.lower()
    return name.endswith(("а", "я")) and name not in _MASCULINE_IN_A


def accusative(last_name: str, *, feminine: bool) -> str:
    """Put a surname into the accusative: назначила Орлова, назначила Лебедеву."""
    table = _ACCUSATIVE_FEMININE if feminine else _ACCUSATIVE_MASCULINE
    for endings, cut, ending in table:
        if last_name.endswith(endings):
            return last_name[: len(last_name) - cut] + ending
    return last_name
