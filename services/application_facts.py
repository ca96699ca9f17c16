"""What an applicant states about themselves; drafts may be incomplete."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from models import DoctorApplication
from services.doctors import LANGUAGES, Specializations
from services.i18n import Lazy, gettext
from services.inputs import BirthDate, Input, Latitude, Line, Longitude, Prose

Licence = Annotated[Line, StringConstraints(max_length=60)]
District = Annotated[Line, StringConstraints(max_length=80)]
Story = Annotated[Prose, StringConstraints(max_length=2000)]
Years = Annotated[int, Field(ge=0, le=80, strict=True)]
Languages = Annotated[tuple[str, ...], Field(min_length=1, max_length=8)]

# What nobody is admitted without, by the name that the form shows.
NEEDED: Mapping[str, Lazy] = {
    "birth_date": Lazy("Date of birth"),
    "specializations": Lazy("Specializations"),
    "licence_number": Lazy("Licence number"),
    "licence_expires_on": Lazy("Licence valid until"),
    "education": Lazy("Education"),
    "experience_years": Lazy("Experience, years"),
    "languages": Lazy("Languages"),
    "home_district": Lazy("Home district"),
}


class ApplicationFacts(Input):
    """An application as it is filled in; absent fields stay as they are."""

    birth_date: BirthDate | None = None
    specializations: Specializations | None = None
    licence_number: Licence | None = None
    licence_expires_on: date | None = None
    education: Story | None = None
    experience_years: Years | None = None
    languages: Languages | None = None
    home_district: District | None = None
    home_latitude: Latitude | None = None
    home_longitude: Longitude | None = None
    about: Story | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.home_latitude is None) != (self.home_longitude is None):
            raise ValueError(gettext("Latitude and longitude go together"))
        if set(self.languages or ()) - set(LANGUAGES):
            raise ValueError(gettext("This value does not fit."))
        return self


def missing_facts(facts: Mapping[str, Any], day: date) -> list[str]:
    """Name what is not filled in, or is over: a licence of the past is none."""
    names = [name for name in NEEDED if facts.get(name) in (None, "", [])]
    return names + ["licence_expires_on"] * is_over(facts, day)


def is_over(facts: Mapping[str, Any], day: date) -> bool:
    """Tell whether the licence has ended before this day."""
    ends = facts.get("licence_expires_on")
    return ends is not None and date.fromisoformat(ends) < day


def columns(application: DoctorApplication) -> dict[str, Any]:
    """The facts as the columns of a doctor's profile take them.

    What was left out is emptied: an earlier profile holds another time's facts.
    """
    values = ApplicationFacts.model_validate(application.facts).model_dump()
    values["specializations"] = list(dict.fromkeys(map(str, values["specializations"])))
    values["languages"] = list(dict.fromkeys(values["languages"]))
    return values
