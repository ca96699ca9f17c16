"""A doctor's own profile."""

from api.deps import DoctorActor, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.doctor_profile import DoctorProfileAnswer
from services import doctor_profiles
from services.doctor_profiles import DoctorProfileInput

router = make_router("/v1/me/doctor-profile", "Onboarding")


@router.get("", responses=problems(401, 403, 404))
async def read_doctor_profile(
    session: SessionDep, actor: DoctorActor
) -> DoctorProfileAnswer:
    """Show one's own profile and the last request to change it."""
    return DoctorProfileAnswer.of(await doctor_profiles.read(session, actor))


@router.put("", responses=problems(401, 403, 404))
async def replace_doctor_profile(
    body: DoctorProfileInput, session: SessionDep, actor: DoctorActor
) -> DoctorProfileAnswer:
    """Write one's own facts; absent ones stay.

    Languages, words about oneself and home act at once. Specializations, licence,
    education, experience and birth date wait for a curator and replace what waited.
    """
    return DoctorProfileAnswer.of(await doctor_profiles.replace(session, actor, body))
