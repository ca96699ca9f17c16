"""The made-up city is plausible: names agree, streets lie in Moscow."""

import random
from datetime import date

import pytest

from models.specialization import Specialization
from sandbox import people
from sandbox.city import door, streets
from sandbox.complaints import COMPLAINTS, DEMAND
from sandbox.price_list import price_rows
from services.phones import complete_phone

TODAY = date(2026, 11, 24)


def test_streets_are_many_distinct_and_in_moscow() -> None:
    known = streets()
    assert len(known) > 400
    assert len({(street.name, street.district) for street in known}) == len(known)
    for street in known:
        assert 55.55 < street.latitude < 55.95
        assert 37.3 < street.longitude < 37.9


@pytest.mark.parametrize(
    "name",
    [
        "Тверская улица",
        "улица Арбат",
        "проспект Маршала Жукова",
        "3-я Парковая улица",
        "Проспект Мира",
        "улица Большая Ордынка",
    ],
)
def test_streets_are_called_as_people_call_them(name: str) -> None:
    assert name in {street.name for street in streets()}


def test_a_door_lies_near_its_street() -> None:
    chance = random.Random(1)
    for _ in range(200):
        home = door(chance)
        street = next(s for s in streets() if home.text.startswith(f"{s.name}, д. "))
        assert abs(home.latitude - street.latitude) < 0.01
        assert home.district == street.district


@pytest.mark.parametrize(
    ("father", "son", "daughter"),
    [
        ("Иван", "Иванович", "Ивановна"),
        ("Илья", "Ильич", "Ильинична"),
        ("Сергей", "Сергеевич", "Сергеевна"),
        ("Дмитрий", "Дмитриевич", "Дмитриевна"),
        ("Павел", "Павлович", "Павловна"),
        ("Лев", "Львович", "Львовна"),
        ("Игорь", "Игоревич", "Игоревна"),
    ],
)
def test_patronymics(father: str, son: str, daughter: str) -> None:
    assert people.patronymic(father, female=False) == son
    assert people.patronymic(father, female=True) == daughter


def test_surnames_agree() -> None:
    assert people.feminine("Орлов") == "Орлова"
    assert people.feminine("Раевский") == "Раевская"
    assert people.MASCULINE["Троицкая"] == "Троицкий"


def test_everybody_can_be_called() -> None:
    drawn = [people.person(random.Random(n), n, TODAY) for n in range(500)]
    assert len({person.phone for person in drawn}) == 500
    assert all(complete_phone(person.phone) == person.phone for person in drawn)
    assert all(person.birth_date < TODAY for person in drawn)


def test_every_specialization_has_its_words() -> None:
    assert set(COMPLAINTS) == set(DEMAND) == set(Specialization)


def test_prices_are_higher_at_night() -> None:
    visits = [row for row in price_rows() if row["kind"] == "visit"]
    assert {row["call_type"] for row in visits} == {
        "urgent",
        "scheduled",
        "consultation",
    }
    by_title = {row["title_ru"]: row["price_kopecks"] for row in visits}
    assert by_title["Срочный вызов врача, ночь"] > by_title["Срочный вызов врача"]
