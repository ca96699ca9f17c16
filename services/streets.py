"""Streets: the district and the point of an address that a person wrote down."""

import csv
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Street
from models.base import NOW, uuid7
from services import audit, direct
from services.actor import Actor
from services.errors import ValidationFailed
from services.i18n import gettext
from services.permissions import Permission, demand

COLUMNS = ("name", "district", "latitude", "longitude")
BATCH = 1000
ERRORS_TOLD = 20
LONGEST_TEXT = 300
CANDIDATES = 30
# Below this likeness of the bare names two streets are two streets.
ALIKE = 0.55

KINDS: Mapping[str, str] = {
    "улица": "улица|ул",
    "проспект": "проспект|просп|пр-т|пр-кт",
    "переулок": "переулок|пер",
    "бульвар": "бульвар|бульв|б-р|бул",
    "шоссе": "шоссе|ш",
    "проезд": "проезд|пр-д",
    "набережная": "набережная|наб",
    "площадь": "площадь|пл",
    "аллея": "аллея|ал",
    "тупик": "тупик|туп",
}
KIND_OF = {short: kind for kind, words in KINDS.items() for short in words.split("|")}
# A word of Cyrillic or Latin letters, also «1-я» and «пр-т»; house numbers end it.
WORD = re.compile(r"\d+-[а-я]{1,3}|[а-яa-z][а-яa-z'-]*")
HOUSE = re.compile(
    r"\b(д|дом|корп|к|стр|вл|владение|кв|под|подъезд|эт|этаж)\b\.?\s*\d.*"
    r"|(?<![\d-])\b\d+(?!-[а-я]{1,2}\b)[/\w]*.*$"
)
CITY = re.compile(r"^(г\.?\s*)?(москва|moscow)\b[\s,.]*|^россия\b[\s,.]*")


_HOLDING = f"""
    SELECT name, district, latitude, longitude FROM street
     WHERE lower(name) LIKE %(name)s
     ORDER BY length(name), district LIMIT {CANDIDATES}
"""  # noqa: S608 - only a constant is filled in
_ALIKE = f"""
    SELECT name, district, latitude, longitude FROM street
     WHERE lower(name) %% %(name)s
     ORDER BY similarity(lower(name), %(name)s) DESC, district LIMIT {CANDIDATES}
"""  # noqa: S608 - only a constant is filled in


@dataclass(frozen=True)
class Found:
    """A street as far as an address needs it."""

    name: str
    district: str
    latitude: float
    longitude: float


def _parts(text: str) -> list[tuple[str, str | None]]:
    """Split an address into (bare name, kind of street or None), most likely first."""
    folded = text[:LONGEST_TEXT].lower().replace("ё", "е").replace("\0", " ")
    parts = []
    for piece in re.split(r"[,;\n]", CITY.sub("", folded)):
        words = WORD.findall(HOUSE.sub("", CITY.sub("", piece.strip())))
        kinds = [KIND_OF[word] for word in words if word in KIND_OF]
        name = " ".join(word for word in words if word not in KIND_OF)
        if len(name) > 2:
            parts.append((name, kinds[0] if kinds else None))
    return sorted(parts, key=lambda part: part[1] is None)


def _trigrams(text: str) -> set[str]:
    return {
        padded[place : place + 3]
        for padded in (f"  {word} " for word in re.split(r"[\s-]+", text))
        for place in range(len(padded) - 2)
    }


def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    first, second = _trigrams(one), _trigrams(other)
    shared = len(first & second) / len(first | second)
    return max(shared, 0.9) if other.startswith(f"{one} ") else shared


def _score(street: Found, name: str, kind: str | None, text: str) -> float:
    """Rate a candidate: the name decides, kind and district break ties."""
    known_name, known_kind = (*_parts(street.name), (street.name.lower(), None))[0]
    likeness = _likeness(name, known_name)
    if likeness < ALIKE:
        return 0.0
    same_kind = kind is not None and kind == known_kind
    return likeness + 0.04 * same_kind + 0.03 * (street.district.lower() in text)


async def find_street(session: AsyncSession, text: str) -> Found | None:
    """Find the street that an address in words means; None when unsure."""
    for name, kind in _parts(text):
        # Asking for names that hold this one is ten times cheaper than for names
        # that resemble it, and nearly every address is spelled as the table is.
        for query, asked in ((_HOLDING, f"%{name}%"), (_ALIKE, name)):
            best: tuple[float, Found | None] = (0.0, None)
            for row in await direct.fetch_all(session, query, {"name": asked}):
                street = Found(*row)
                score = _score(street, name, kind, text.lower())
                if score > best[0]:
                    best = (score, street)
            if best[1] is not None:
                return best[1]
    return None


async def load_streets(
    session: AsyncSession, actor: Actor, lines: Iterable[str]
) -> int:
    """Load or update streets from CSV with name, district, latitude, longitude.

    All or nothing: wrong lines are told together, each with its number.
    """
    demand(actor, Permission.MAINTENANCE)
    rows = _read(lines)
    values = list(rows.values())
    for place in range(0, len(values), BATCH):
        statement = insert(Street).values(values[place : place + BATCH])
        excluded = statement.excluded
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["name", "district"],
                set_={
                    "latitude": excluded.latitude,
                    "longitude": excluded.longitude,
                    "updated_at": NOW,
                },
            )
        )
    audit.record(session, actor, "street.loaded", "street", None, count=len(values))
    return len(values)


def _read(lines: Iterable[str]) -> dict[tuple[str, str], dict[str, Any]]:
    reader = csv.DictReader(lines)
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise ValidationFailed(
                "The file has no column {columns}; needed are {needed}.",
                columns=", ".join(missing),
                needed=", ".join(COLUMNS),
            )
        rows, errors = _rows(reader)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValidationFailed("The file is not CSV in UTF-8.") from error
    if errors:
        raise ValidationFailed(
            "Wrong lines in the file: {first}", first=errors[0]["text"], errors=errors
        )
    return rows


def _rows(
    reader: "csv.DictReader[str]",
) -> tuple[dict[tuple[str, str], dict[str, Any]], list[dict[str, Any]]]:
    rows, errors = {}, []
    for row in reader:
        problem = _problem(row)
        if problem is None:
            street = _street(row)
            rows[street["name"], street["district"]] = street
            continue
        text = gettext("line {line}: {problem}", line=reader.line_num, problem=problem)
        errors.append({"line": reader.line_num, "text": text})
        if len(errors) == ERRORS_TOLD:
            break
    return rows, errors


def _problem(row: Mapping[str, str | None]) -> str | None:
    for column, longest in (("name", 160), ("district", 80)):
        text = (row[column] or "").strip()
        if not text or len(text) > longest or "\0" in text:
            return gettext(
                "{column} must have 1 to {longest} characters",
                column=column,
                longest=longest,
            )
    for column, limit in (("latitude", 90), ("longitude", 180)):
        try:
            degrees = float(row[column] or "")
        except ValueError:
            degrees = math.nan
        if not abs(degrees) <= limit:
            return gettext(
                "{column} must be a number from -{limit} to {limit}",
                column=column,
                limit=limit,
            )
    return None


def _street(row: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "name": (row["name"] or "").strip(),
        "district": (row["district"] or "").strip(),
        "latitude": float(row["latitude"] or ""),
        "longitude": float(row["longitude"] or ""),
    }
