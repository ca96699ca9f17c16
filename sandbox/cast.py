"""The people of the demo: patients with addresses, doctors with homes, staff."""

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from models.base import uuid7
from models.booking_words import CallType
from models.patient_profile import BloodType
from models.role_grant import Role
from models.specialization import Specialization
from sandbox import rota
from sandbox.city import Door, door
from sandbox.clinics import CLINICS, MANAGERS
from sandbox.complaints import DEMAND
from sandbox.history import Caller, Cast
from sandbox.people import MASCULINE, Person, feminine, patronymic, person
from sandbox.price_list import price_rows
from services.actor import SYSTEM_ID

FIRST_DOCTOR, FIRST_STAFF, FIRST_MANAGER, FIRST_PATIENT = 1, 50_001, 50_101, 100_001
ON_DUTY = 0.7
ALLERGIES = ("Пенициллин", "Анальгин", "Новокаин", "Йод", "Цитрусовые", "Мёд")
CONDITIONS = (
    "Гипертония",
    "Сахарный диабет 2 типа",
    "Бронхиальная астма",
    "ИБС, стентирование в 2023 году",
    "Хронический гастрит",
)
# One of each role can be signed in to, and two of finance: money needs two people.
# More dispatchers stand in the history.
STAFF = (
    ("dispatcher", Role.DISPATCHER, "Анна", "Сергеевна", "Белова"),
    ("curator", Role.CURATOR, "Марина", "Олеговна", "Соколова"),
    ("finance", Role.FINANCE, "Ольга", "Игоревна", "Кузнецова"),
    ("admin", Role.ADMIN, "Виктор", "Павлович", "Громов"),
    ("assistant", Role.DISPATCHER, "Помощник", "Учебный", "Робот"),
    ("dispatcher2", Role.DISPATCHER, "Игорь", "Андреевич", "Лебедев"),
    ("dispatcher3", Role.DISPATCHER, "Светлана", "Юрьевна", "Орлова"),
    ("finance2", Role.FINANCE, "Павел", "Дмитриевич", "Морозов"),
)

Rows = dict[str, list[dict[str, Any]]]


@dataclass
class City:
    """All rows of the people, table by table, and who may take part in the past."""

    rows: Rows = field(default_factory=dict)
    doctors: dict[Specialization, list[str]] = field(default_factory=dict)
    callers: list[Caller] = field(default_factory=list)
    logins: dict[str, str] = field(default_factory=dict)
    staff: dict[str, uuid.UUID] = field(default_factory=dict)
    clinics: list[uuid.UUID] = field(default_factory=list)

    def add(self, table: str, **values: Any) -> None:
        """Put down one row."""
        self.rows.setdefault(table, []).append({"id": uuid7(), **values})

    def cast(self) -> Cast:
        """Give those who take part in the past."""
        prices = {CallType(row["call_type"]): row["price_kopecks"] for row in _base()}
        return Cast(self.callers, self.doctors, self._dispatchers(), prices)

    def _dispatchers(self) -> Sequence[str]:
        named = ("dispatcher", "dispatcher2", "dispatcher3")
        return [str(self.staff[name]) for name in named]


def _base() -> Iterator[Mapping[str, Any]]:
    return (
        row
        for row in price_rows()
        if row["kind"] == "visit"
        and row["specialization"] is None
        and row["starts"] == row["ends"]
    )


@dataclass(frozen=True)
class Passwords:
    """Hashes made beforehand: three thousand of them would take a minute."""

    staff: str
    doctors: str
    patients: str


def populate(
    chance: random.Random, passwords: Passwords, doctors: int, patients: int
) -> City:
    """Make everybody."""
    city, now = City(), datetime.now(UTC)
    for row in price_rows():
        city.add("price_item", **row)
    _clinics(city, passwords.staff)
    for place in range(len(STAFF)):
        _staff(city, place, passwords.staff)
    kinds = _spread(chance, doctors)
    for place, kind in enumerate(kinds):
        human = person(chance, FIRST_DOCTOR + place, now.date(), (27, 64))
        _doctor(city, chance, human, kind, passwords.doctors, now)
    for place in range(patients):
        human = person(chance, FIRST_PATIENT + place, now.date())
        _patient(city, chance, human, passwords.patients, now)
    return city


def _clinics(city: City, password: str) -> None:
    for clinic in CLINICS:
        city.add("clinic_profile", **vars(clinic), active=True)
    city.clinics = [row["id"] for row in city.rows["clinic_profile"]]
    born = datetime.now(UTC).date()
    for place, (name, clinic_place, names) in enumerate(MANAGERS):
        female = names[-1].endswith("а")
        human = Person(FIRST_MANAGER + place, female, *names, born)
        city.logins[name] = f"{name}@demo.example"
        user_id = _user(city, human, Role.CLINIC, password, city.logins[name])
        clinic_id = city.clinics[clinic_place]
        city.add("clinic_member", clinic_id=clinic_id, user_id=user_id)


def _spread(chance: random.Random, count: int) -> list[Specialization]:
    """Give every specialization two doctors at least, the rest by demand."""
    kinds = [*Specialization, *Specialization][:count]
    kinds += chance.choices(
        tuple(DEMAND), tuple(DEMAND.values()), k=max(0, count - len(kinds))
    )
    return kinds


def _user(
    city: City, human: Person, role: Role, password: str, email: str | None = None
) -> uuid.UUID:
    user_id = uuid7()
    city.rows.setdefault("app_user", []).append(
        {
            "id": user_id,
            "email": email or human.email,
            "phone": human.phone,
            "password_hash": password,
            "first_name": human.first_name,
            "last_name": human.last_name,
            "middle_name": human.middle_name,
            "locale": "ru",
            "theme": "auto",
            "must_change_password": False,
            "auth_version": 1,
        }
    )
    city.add("role_grant", user_id=user_id, role=role, granted_by=SYSTEM_ID)
    return user_id


def _staff(city: City, place: int, password: str) -> None:
    name, role, first, middle, last = STAFF[place]
    human = Person(
        FIRST_STAFF + place,
        last.endswith("а"),
        first,
        middle,
        last,
        datetime.now(UTC).date(),
    )
    email = f"{name}@demo.example"
    city.staff[name] = _user(city, human, role, password, email)
    city.logins[name] = email


def _doctor(
    city: City,
    chance: random.Random,
    human: Person,
    kind: Specialization,
    password: str,
    now: datetime,
) -> None:
    """A doctor with a home, most of them at work near it."""
    email = "doctor@demo.example" if not city.doctors else None
    user_id, home = _user(city, human, Role.DOCTOR, password, email), door(chance)
    city.logins.setdefault("doctor", "doctor@demo.example")
    experience = min(
        chance.randint(1, 35), (now.date() - human.birth_date).days // 365 - 24
    )
    kinds = [kind.value]
    if kind is Specialization.CARDIOLOGIST or chance.random() < 0.08:
        kinds += [Specialization.THERAPIST.value] * (
            kind is not Specialization.THERAPIST
        )
    city.add(
        "doctor_profile",
        user_id=user_id,
        specializations=kinds,
        licence_number=f"ЛО-77-{human.number:06d}",
        licence_expires_on=now.date() + timedelta(days=chance.randint(20, 1500)),
        experience_years=experience,
        languages=["ru", "en"] if chance.random() < 0.2 else ["ru"],
        clinic_id=chance.choice(city.clinics) if chance.random() < 0.25 else None,
        home_district=home.district,
        home_latitude=home.latitude,
        home_longitude=home.longitude,
        rating=chance.choice((None, round(chance.uniform(3.9, 5.0), 2))),
        approved_at=now - timedelta(days=chance.randint(60, 900)),
    )
    city.doctors.setdefault(kind, []).append(str(user_id))
    # Whoever signs in as the doctor of the demo begins the shift themselves.
    working = email is None and chance.random() < ON_DUTY
    _state(city, chance, user_id, home, now, working=working)
    _aboard(city, user_id, now)
    # The demo's own doctor keeps no plan, so that nothing moves their duty.
    for shift in rota.week(human.number, now, working=working) if email is None else ():
        city.add("shift", doctor_id=user_id, **shift)


def _aboard(city: City, user_id: uuid.UUID, now: datetime) -> None:
    """The approved application that a doctor came by, so that they can be suspended."""
    city.add(
        "doctor_application",
        user_id=user_id,
        status="approved",
        facts={},
        version=1,
        decided_at=now,
    )
    city.add(
        "application_event",
        application_id=city.rows["doctor_application"][-1]["id"],
        version=1,
        event="approve",
        to_status="approved",
        actor_id=SYSTEM_ID,
        acting_as=Role.SYSTEM,
        via="job",
        data={},
    )


def _state(
    city: City,
    chance: random.Random,
    user_id: uuid.UUID,
    home: Door,
    now: datetime,
    *,
    working: bool,
) -> None:
    city.add(
        "doctor_state",
        doctor_id=user_id,
        on_duty=working,
        duty_by="hand",
        duty_changed_at=now - timedelta(minutes=chance.randint(10, 300)),
        latitude=home.latitude,
        longitude=home.longitude,
        accuracy_m=chance.randint(5, 40),
        position_at=now,
    )


def _patient(
    city: City, chance: random.Random, human: Person, password: str, now: datetime
) -> None:
    """A patient with a medical profile and one saved address."""
    email = "patient@demo.example" if not city.callers else None
    user_id, home = _user(city, human, Role.PATIENT, password, email), door(chance)
    city.logins.setdefault("patient", "patient@demo.example")
    city.add(
        "patient_profile",
        user_id=user_id,
        birth_date=human.birth_date,
        sex="female" if human.female else "male",
        blood_type=chance.choice(tuple(BloodType)),
        allergies=chance.choice(ALLERGIES) if chance.random() < 0.15 else None,
        chronic_conditions=chance.choice(CONDITIONS) if chance.random() < 0.3 else None,
    )
    city.add("address", user_id=user_id, label="Дом", **vars(home))
    city.callers.append(Caller(str(user_id), _place(home), _child(chance, human, now)))


def _place(home: Door) -> str:
    """The address as the columns of a call, in their order."""
    parts = (home.text, home.entrance, home.floor, home.intercom, home.flat)
    return "\t".join((*parts, home.district, str(home.latitude), str(home.longitude)))


def _child(chance: random.Random, parent: Person, now: datetime) -> str:
    """Name and birthday of the child that a paediatrician is called to."""
    young = person(chance, 0, now.date(), (0, 13))
    surname = MASCULINE.get(parent.last_name, parent.last_name)
    surname = feminine(surname) if young.female else surname
    middle = patronymic(chance.choice(("Иван", "Олег", "Павел")), female=young.female)
    return f"{surname} {young.first_name} {middle}\t{young.birth_date}"
