"""Applications of doctors for tests; each reaches its state by walking the verbs."""

from datetime import timedelta
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorApplication, User
from models.doctor_application import ApplicationStatus, ApplicationVerb
from models.document import DocumentKind
from models.role_grant import Role
from services import applications, clock, document_reviews, documents
from services.application_facts import ApplicationFacts
from tests import factories

S, V = ApplicationStatus, ApplicationVerb
KINDS = (
    DocumentKind.DIPLOMA,
    DocumentKind.CERTIFICATE,
    DocumentKind.LICENCE,
    DocumentKind.PASSPORT,
    DocumentKind.PORTRAIT,
)


async def facts(session: AsyncSession, **changes: Any) -> ApplicationFacts:
    """Say what a complete application says."""
    day = (await clock.now(session)).date() + timedelta(days=300)
    said: dict[str, Any] = {
        "birth_date": "1985-04-02",
        "specializations": ["therapist"],
        "licence_number": "ЛО-77-01-555",
        "licence_expires_on": day,
        "education": "РНИМУ, 2010",
        "experience_years": 12,
        "languages": ["ru", "en"],
        "home_district": "Арбат",
    }
    return ApplicationFacts(**(said | changes))


class Desk:
    """An applicant, a curator and the application between them."""

    def __init__(self, session: AsyncSession, user: User, curator: User) -> None:
        self.session, self.user = session, user
        self.own = factories.as_patient(user)
        self.curator = factories.as_staff(curator, Role.CURATOR)

    async def row(self) -> DoctorApplication:
        """The applicant's latest application."""
        query = select(DoctorApplication).where(
            col(DoctorApplication.user_id) == self.user.id
        )
        order = col(DoctorApplication.id).desc()
        return (await self.session.exec(query.order_by(order).limit(1))).one()

    async def papers(self) -> None:
        """Give one paper of each required kind."""
        for kind in KINDS:
            await factories.document(self.session, self.user, kind=kind)

    async def accept(self) -> None:
        """Accept every paper that waits."""
        for paper in await documents.listing(self.session, self.user.id):
            if paper.status.value == "submitted":
                await document_reviews.accept(self.session, self.curator, paper.id)

    async def do(self, verb: ApplicationVerb) -> None:  # noqa: C901 - a table
        """Do a verb as the one whom it belongs to."""
        session, row = self.session, await self.row()
        seen = (session, self.curator, row.id, row.version)
        match verb:
            case V.EDIT:
                await applications.save(session, self.own, await facts(session))
            case V.SUBMIT:
                await applications.submit(session, self.own)
            case V.WITHDRAW:
                await applications.withdraw(session, self.own)
            case V.APPROVE:
                await applications.approve(*seen)
            case V.RESTORE:
                await applications.restore(*seen)
            case V.ASK_MORE:
                await applications.ask_more(*seen, "Пришлите диплом")
            case V.REJECT:
                await applications.reject(*seen, "Нет опыта")
            case V.SUSPEND:
                await applications.suspend(*seen, "Жалобы")

    async def reach(self, status: ApplicationStatus) -> None:
        """Walk a new application with all its papers to a status."""
        await applications.save(self.session, self.own, await facts(self.session))
        await self.papers()
        for verb in WAY[status]:
            if verb is V.APPROVE:
                await self.accept()
            await self.do(verb)


WAY = {
    S.DRAFT: (),
    S.SUBMITTED: (V.SUBMIT,),
    S.MORE_INFO: (V.SUBMIT, V.ASK_MORE),
    S.APPROVED: (V.SUBMIT, V.APPROVE),
    S.SUSPENDED: (V.SUBMIT, V.APPROVE, V.SUSPEND),
    S.REJECTED: (V.SUBMIT, V.REJECT),
    S.WITHDRAWN: (V.WITHDRAW,),
}


async def desk_of(session: AsyncSession) -> Desk:
    """Make an applicant and a curator who have not met."""
    curator = await factories.person(session, Role.CURATOR)
    return Desk(session, await factories.patient(session), curator)


async def application_in(
    session: AsyncSession, status: ApplicationStatus
) -> DoctorApplication:
    """Make an application that has walked to this status."""
    desk = await desk_of(session)
    await desk.reach(status)
    return await desk.row()
