"""Russian names with the right endings, phone numbers and birthdays."""

import random
from dataclasses import dataclass
from datetime import date, timedelta


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Men's form; a woman's surname takes the ending that belongs to it.
SURNAMES = _words(
    """
    Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров
    Морозов Волков Алексеев Лебедев Семёнов Егоров Павлов Козлов Степанов Николаев
    Орлов Андреев Макаров Никитин Захаров Зайцев Соловьёв Борисов Яковлев Григорьев
    Романов Воробьёв Сергеев Кузьмин Фролов Александров Дмитриев Королёв Гусев
    Киселёв Ильин Максимов Поляков Сорокин Виноградов Ковалёв Белов Медведев Антонов
    Тарасов Жуков Баранов Филиппов Комаров Давыдов Беляев Герасимов Богданов Осипов
    Сидоров Матвеев Титов Марков Миронов Крылов Куликов Карпов Власов Мельников
    Денисов Гаврилов Тихонов Казаков Афанасьев Данилов Савельев Тимофеев Фомин
    Чернов Абрамов Мартынов Ефимов Федотов Щербаков Назаров Калинин Исаев Чернышёв
    Быков Маслов Родионов Коновалов Лазарев Воронин Климов Филатов Пономарёв Голубев
    Кудрявцев Прохоров Наумов Потапов Журавлёв Овчинников Трофимов Леонов Соболев
    Ермаков Колесников Гончаров Емельянов Никифоров Грачёв Котов Гришин Ефремов
    Белинский Раевский Покровский Успенский Троицкий Островский Вишневский Заречный
    """
)
MEN = _words(
    """
    Александр Дмитрий Максим Сергей Андрей Алексей Артём Илья Кирилл Михаил Никита
    Матвей Роман Егор Арсений Иван Денис Евгений Тимофей Владислав Игорь Владимир
    Павел Руслан Марк Константин Тимур Олег Ярослав Антон Николай Глеб Данил Вадим
    Степан Юрий Богдан Артур Семён Виктор Григорий Борис Виталий Пётр Фёдор Лев
    """
)
WOMEN = _words(
    """
    Анастасия Мария Анна Виктория Екатерина Наталья Марина Полина София Дарья Алиса
    Ксения Александра Елена Ольга Ирина Татьяна Светлана Юлия Вероника Арина Кристина
    Валерия Ульяна Варвара Людмила Галина Вера Надежда Любовь Нина Зоя Лидия Тамара
    Евгения Маргарита Алина Яна Диана Лариса Инна Оксана Жанна Раиса Антонина Милана
    """
)
# Fathers whose name does not simply take -ович.
FATHERS = {
    "Андрей": "Андрее",
    "Алексей": "Алексее",
    "Сергей": "Сергее",
    "Матвей": "Матвее",
    "Тимофей": "Тимофее",
    "Николай": "Николае",
    "Евгений": "Евгенье",
    "Арсений": "Арсенье",
    "Григорий": "Григорье",
    "Виталий": "Виталье",
    "Юрий": "Юрье",
    "Игорь": "Игоре",
    "Дмитрий": "Дмитрие",
    "Павел": "Павло",
    "Пётр": "Петро",
    "Лев": "Льво",
    "Владислав": "Владиславо",
    "Михаил": "Михайло",
    "Ярослав": "Ярославо",
}
SHORT_FATHERS = {
    "Илья": ("Ильич", "Ильинична"),
    "Никита": ("Никитич", "Никитична"),
}
CODES = ("903", "905", "909", "915", "916", "917", "925", "926", "929", "963", "985")


@dataclass(frozen=True)
class Person:
    """A made-up person; `number` makes phone and e-mail their own."""

    number: int
    female: bool
    first_name: str
    middle_name: str
    last_name: str
    birth_date: date

    @property
    def phone(self) -> str:
        """A mobile number of Moscow that no other person of the city has."""
        code = CODES[self.number % len(CODES)]
        return f"+7{code}{(self.number * 7919 + 1_234_567) % 10_000_000:07d}"

    @property
    def email(self) -> str:
        """An address in a zone that exists nowhere."""
        return f"person{self.number}@demo.example"

    @property
    def full_name(self) -> str:
        """Last, first and middle name."""
        return f"{self.last_name} {self.first_name} {self.middle_name}"


def person(
    chance: random.Random, number: int, today: date, ages: tuple[int, int] = (20, 88)
) -> Person:
    """Draw a person whose age lies between the two."""
    female = chance.random() < 0.56
    father = chance.choice(MEN)
    days = chance.randint(ages[0] * 365, ages[1] * 365)
    surname = chance.choice(SURNAMES)
    return Person(
        number=number,
        female=female,
        first_name=chance.choice(WOMEN if female else MEN),
        middle_name=patronymic(father, female=female),
        last_name=feminine(surname) if female else surname,
        birth_date=today - timedelta(days=days),
    )


def patronymic(father: str, *, female: bool) -> str:
    """Make the middle name that a father's name gives."""
    if father in SHORT_FATHERS:
        return SHORT_FATHERS[father][female]
    stem = FATHERS.get(father, f"{father}о")
    return f"{stem}вна" if female else f"{stem}вич"


def feminine(surname: str) -> str:
    """Make a woman's form of a surname: Орлов → Орлова, Раевский → Раевская."""
    if surname.endswith(("ский", "цкий", "ный")):
        return f"{surname[:-2]}ая"
    return f"{surname}а"


MASCULINE = {feminine(surname): surname for surname in SURNAMES}
