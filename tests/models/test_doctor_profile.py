"""Facts that one row of people's tables knows about itself."""

from datetime import date
from uuid import uuid4

from models import ClinicProfile, DoctorProfile
from models.specialization import Specialization

LICENCE, DOCUMENTS = date(2027, 5, 1), date(2027, 2, 1)


def profile(documents_valid_until: date | None) -> DoctorProfile:
    return DoctorProfile(
        user_id=uuid4(),
        specializations=["cardiologist", "therapist"],
        licence_number="ЛО-77",
        licence_expires_on=LICENCE,
        documents_valid_until=documents_valid_until,
    )


def test_a_doctor_is_valid_until_the_first_paper_ends() -> None:
    assert profile(None).valid_until == LICENCE
    assert profile(DOCUMENTS).valid_until == DOCUMENTS
    assert profile(date(2030, 1, 1)).valid_until == LICENCE


def test_the_first_specialization_is_the_main_one() -> None:
    assert profile(None).specialization is Specialization.CARDIOLOGIST


def test_a_clinic_goes_by_its_name() -> None:
    assert str(ClinicProfile(name="На Таганке")) == "На Таганке"
