"""The curator's desk: the queue of applications, and one page for each of them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from sqladmin.pagination import Pagination
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import doctor_facts
from backoffice.command_calls import Call
from backoffice.commands import Done, command, sentence
from backoffice.pages import Page, page, staff_of
from models.doctor_application import (
    APPLICATION_EDGES,
    ApplicationStatus,
    ApplicationVerb,
)
from models.document import DocumentStatus, Requirement
from models.specialization import Specialization
from services import (
    application_reads,
    application_steps,
    applications,
    clock,
    document_reviews,
    profile_changes,
    renewed_papers,
)
from services.actor import Actor
from services.application_facts import NEEDED
from services.application_reads import Order, View, Waiting
from services.edges import in_transaction
from services.errors import DomainError, NotFound, ValidationFailed
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.words import label

Word = TypeVar("Word", bound=StrEnum)
TABS = (
    ApplicationStatus.SUBMITTED,
    ApplicationStatus.MORE_INFO,
    ApplicationStatus.DRAFT,
    ApplicationStatus.APPROVED,
    ApplicationStatus.SUSPENDED,
    ApplicationStatus.REJECTED,
    ApplicationStatus.WITHDRAWN,
)
ORDERS = {
    Order.WAITING: Lazy("who waits longest"),
    Order.NAME: Lazy("by name"),
    Order.LICENCE: Lazy("by the licence's end"),
    Order.MISSING: Lazy("by what is missing"),
}
ORDERS_OF_DECIDED = {
    Order.WAITING: Lazy("the newest decision first"),
    Order.NAME: ORDERS[Order.NAME],
    Order.LICENCE: ORDERS[Order.LICENCE],
}
# What the history says happened.
HAPPENED: Mapping[str, str] = {
    "create": Lazy("Application begun"),
    ApplicationVerb.EDIT: Lazy("Facts changed"),
    ApplicationVerb.SUBMIT: Lazy("Sent to the curator"),
    ApplicationVerb.WITHDRAW: Lazy("Withdrawn by the applicant"),
    ApplicationVerb.ASK_MORE: Lazy("Asked for more"),
    ApplicationVerb.APPROVE: Lazy("Approved"),
    ApplicationVerb.REJECT: Lazy("Rejected"),
    ApplicationVerb.SUSPEND: Lazy("Work suspended"),
    ApplicationVerb.RESTORE: Lazy("Suspension lifted"),
    "erase": Lazy("Personal data erased"),
}


class ApplicationDesk(Page):
    """Applications of doctors, whoever waits longest first."""

    name = Lazy("Doctors' applications")
    icon = "ti ti-clipboard-check"
    needs = {"list": Permission.APPLICATION_REVIEW}

    @page("/applications")
    async def applications(self, request: Request) -> Response:
        """Show the queue of one state."""
        status = _status(request.query_params.get("status"))
        search = request.query_params.get("search", "").strip()[:100]
        kind = _word(Specialization, request, "kind")
        order = _word(Order, request, "order") or Order.WAITING
        number = _number(request.query_params.get("page", ""))
        actor = staff_of(request).actor

        async def read(session: AsyncSession) -> dict[str, Any]:
            now = await clock.now(session)
            found = await application_reads.queue(
                session, actor, status, search, kind, order, number
            )
            lines = [
                (each, (now - each.since).days, _missing(each)) for each in found.lines
            ]
            pages = Pagination(lines, found.page, application_reads.PAGE, found.count)
            pages.add_pagination_urls(request.url)
            tabs = await tabs_of(session, actor)
            return {"lines": lines, "pagination": pages, "cut": found.cut, **tabs}

        context = await in_transaction(request.app.state.sessions, read)
        context |= {"status": status, "search": search, "shown": doctor_facts.shown}
        context |= {"kind": kind, "order": order}
        context["asked"] = asked = status in application_reads.ASKED
        context["kinds"] = {each.value: label(each) for each in Specialization}
        orders = ORDERS if asked else ORDERS_OF_DECIDED
        context["orders"] = {each.value: name for each, name in orders.items()}
        return await self.render(request, "applications/queue.html", context)

    @page("/papers")
    async def papers(self, request: Request) -> Response:
        """Show whose new papers wait: of doctors who are aboard."""
        actor = staff_of(request).actor

        async def read(session: AsyncSession) -> dict[str, Any]:
            now = await clock.now(session)
            lines = await renewed_papers.waiting(session, actor)
            aged = [(each, (now - each.since).days) for each in lines]
            return {"lines": aged, **await tabs_of(session, actor)}

        context = await in_transaction(request.app.state.sessions, read)
        return await self.render(request, "applications/papers.html", context)

    @page("/applications/{pk}")
    async def application(self, request: Request) -> Response:
        """Show one application; the look is journalled before it is sent."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the application, with the words that were refused."""
        verb = request.url.path.rpartition("/")[2] if call else ""
        typed = {verb: call.text("reason")} if call else {}
        call = call or Call(request, {})
        view = await in_transaction(
            request.app.state.sessions,
            lambda session: application_reads.one(session, call.actor, call.id("pk")),
        )
        context = {
            "seen": view,
            "facts": doctor_facts.all_of(view.application.facts),
            "verbs": _verbs(view),
            "steps": _steps(view),
            "missing": [*_missing(view)],
            "checklist": [(label(each), proof.value) for each, proof in view.checklist],
            "label": label,
            "to_check": DocumentStatus.SUBMITTED,
            "typed": typed,
            "error": sentence(error) if error else None,
        }
        return await self.render(request, "applications/page.html", context)

    @command("/applications/{pk}/approve", Permission.APPLICATION_REVIEW, fresh=True)
    async def approve(self, session: AsyncSession, call: Call) -> Done:
        """Make the applicant a doctor."""
        try:
            await applications.approve(session, call.actor, *_seen(call))
        except ValidationFailed as error:
            raise incomplete(error) from error
        return Done(gettext("The application is approved: the doctor can work."))

    @command("/applications/{pk}/ask_more", Permission.APPLICATION_REVIEW, again="form")
    async def ask_more(self, session: AsyncSession, call: Call) -> Done:
        """Give the application back with words."""
        reason = call.words("reason", 2000)
        await applications.ask_more(session, call.actor, *_seen(call), reason)
        return Done(gettext("The applicant is asked for more."))

    @command("/applications/{pk}/reject", Permission.APPLICATION_REVIEW, again="form")
    async def reject(self, session: AsyncSession, call: Call) -> Done:
        """Refuse the application."""
        reason = call.words("reason", 2000)
        await applications.reject(session, call.actor, *_seen(call), reason)
        return Done(gettext("The application is rejected."))

    @command("/applications/{pk}/suspend", Permission.DOCTOR_SUSPEND, again="form")
    async def suspend(self, session: AsyncSession, call: Call) -> Done:
        """Stop the doctor's work; visits not begun go back to the queue."""
        reason = call.words("reason", 1000)
        lost = await applications.suspend(session, call.actor, *_seen(call), reason)
        numbers = ", ".join(booking.label for booking in lost) or "—"
        said = gettext("The doctor is suspended. Back in the queue: {numbers}.")
        return Done(said.format(numbers=numbers))

    @command("/applications/{pk}/restore", Permission.DOCTOR_SUSPEND, fresh=True)
    async def restore(self, session: AsyncSession, call: Call) -> Done:
        """Let the doctor work again."""
        await applications.restore(session, call.actor, *_seen(call))
        return Done(gettext("The suspension is lifted."))

    @command("/papers/{pk}/accept", Permission.APPLICATION_REVIEW, fresh=True)
    async def accept_paper(self, session: AsyncSession, call: Call) -> Done:
        """Put a paper in force."""
        paper = await document_reviews.accept(session, call.actor, call.id("pk"))
        return Done(gettext("Accepted: {paper}.", paper=label(paper.kind)))

    @command("/papers/{pk}/reject", Permission.APPLICATION_REVIEW)
    async def reject_paper(self, session: AsyncSession, call: Call) -> Done:
        """Refuse a paper with the reason."""
        paper = await document_reviews.reject(
            session, call.actor, call.id("pk"), call.words("reason")
        )
        return Done(gettext("Not accepted: {paper}.", paper=label(paper.kind)))


async def tabs_of(session: AsyncSession, actor: Actor) -> dict[str, Any]:
    """Count what stands behind each tab of the desk."""
    return {
        "tabs": TABS,
        "label": label,
        "counts": await application_reads.counts(session, actor),
        "changes": len(await profile_changes.waiting(session, actor)),
        "papers": len(await renewed_papers.waiting(session, actor)),
    }


def _number(raw: str) -> int:
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 6 else 1


def _status(word: str | None) -> ApplicationStatus:
    try:
        return ApplicationStatus(word or ApplicationStatus.SUBMITTED)
    except ValueError:
        raise NotFound from None


def _word(kinds: type[Word], request: Request, name: str) -> Word | None:
    """A word of an enumeration from the address; an unknown one counts as none."""
    raw = request.query_params.get(name, "")
    return kinds(raw) if raw in {each.value for each in kinds} else None


def _seen(call: Call) -> tuple[Any, int]:
    return call.id("pk"), call.integer("version") or 0


def incomplete(error: ValidationFailed) -> ValidationFailed:
    """Say in a flash what the API would list by field."""
    names = [each["field"] for each in error.public_facts["errors"]]
    said = ", ".join(_paper(name) for name in names)
    return ValidationFailed("Not complete or not accepted yet: {what}.", what=said)


def _paper(name: str) -> str:
    paper = name.removeprefix("documents.")
    known = paper in {each.value for each in Requirement}
    return (label(Requirement(paper)) if known else str(NEEDED.get(name, name))).lower()


def _missing(view: View | Waiting) -> list[str]:
    facts = [str(NEEDED[name]) for name in view.missing_facts]
    return facts + [label(each) for each in view.missing_papers]


def _verbs(view: View) -> list[ApplicationVerb]:
    """What a curator can do from here; the buttons come from the table of edges."""
    return [
        verb
        for verb, (sources, _) in APPLICATION_EDGES.items()
        if view.application.status in sources and verb not in application_steps.OWN
    ]


def _steps(view: View) -> list[tuple[Any, str, str]]:
    return [
        (
            event,
            str(HAPPENED[event.event]),
            user.short_name if user else "—",
        )
        for event, user in reversed(view.history)
    ]
