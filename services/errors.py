"""Everything that can go wrong in a way a caller should know about.

Each error has a stable code, an HTTP status and a message fit to show. Messages
are English msgids; the surface that renders them picks the language.
"""

from typing import Any, ClassVar

from services.i18n import Lazy, gettext


class DomainError(Exception):
    """A refusal that changes nothing; `facts` become fields of the answer."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    text: ClassVar[str] = "The request cannot be carried out."

    def __init__(self, text: str | None = None, **facts: Any) -> None:
        super().__init__(self.code)
        self.message_id = text or self.text
        self.facts = facts

    @property
    def message(self) -> str:
        """The sentence for a person, in the language of the current request."""
        return gettext(self.message_id, **self.facts)

    @property
    def public_facts(self) -> dict[str, Any]:
        """The facts that are part of the contract with callers."""
        return {}


class Unauthenticated(DomainError):
    """No valid proof of who is asking."""

    code, status = "unauthenticated", 401
    text = "Sign in first."


class InvalidCredentials(DomainError):
    """Unknown login, wrong password and blocked account alike."""

    code, status = "invalid_credentials", 401
    text = "The login or the password is wrong."


class Forbidden(DomainError):
    """The role does not have the permission."""

    code, status = "forbidden", 403
    text = "You are not allowed to do this."


class SecondFactorNeeded(Forbidden):
    """The password was right; the second factor has not been shown yet."""

    code = "second_factor_required"
    text = "Finish signing in first."


class ReauthenticationNeeded(Forbidden):
    """It is too long ago that the person proved who they are."""

    code = "reauth_required"
    text = "Confirm first that it is you."


class NotFound(DomainError):
    """The thing does not exist, or not for this caller."""

    code, status = "not_found", 404
    text = "Not found."


class Conflict(DomainError):
    """The state of things does not permit it."""

    code, status = "conflict", 409
    text = "This contradicts the current state."


class IllegalTransition(Conflict):
    """The verb does not start from this status."""

    code = "illegal_transition"
    text = "This cannot be done with a call in its present state."


class StaleVersion(Conflict):
    """Somebody changed the row since the caller saw it; facts tell who and what."""

    code = "stale_version"
    text = "The call has changed meanwhile: {what}. Nothing was overwritten."

    @property
    def public_facts(self) -> dict[str, Any]:
        """The version that holds now."""
        return {"current_version": self.facts.get("current_version")}


class DoctorBusy(Conflict):
    """The doctor has another visit in that time."""

    code = "doctor_busy"
    text = "The doctor already has a visit at that time."

    @property
    def public_facts(self) -> dict[str, Any]:
        """What clashes, and the doctor's earliest free start."""
        return {key: self.facts.get(key) for key in ("conflict", "earliest_start")}


class DoctorNotEligible(Conflict):
    """The doctor cannot take this call; every reason is listed."""

    code = "doctor_not_eligible"
    text = "The doctor cannot take this call: {reasons_text}."

    @property
    def public_facts(self) -> dict[str, Any]:
        """The codes of all reasons."""
        return {"reasons": self.facts.get("reasons", [])}


class DoctorUnderWay(Conflict):
    """The doctor is under way to, or at, another stop."""

    code = "doctor_under_way"
    text = "The doctor is already under way to another call or on scene."


class VisitUnderWay(Conflict):
    """Going off duty has to wait for the end of the visit."""

    code = "visit_under_way"
    text = "A visit is under way; finish it first."


class AccountExists(Conflict):
    """The e-mail or the phone number belongs to an account."""

    code = "account_exists"
    text = "An account with this e-mail or phone number exists."


class OpenObligations(Conflict):
    """Open bookings or money in flight stand in the way."""

    code = "open_obligations"
    text = "Open calls or payments stand in the way."


class PositionNotShared(Conflict):
    """The doctor's position is shown only while they are on the way."""

    code = "position_not_shared"
    text = "The doctor's position is shown only while they are on the way to you."


class PaymentRequired(Conflict):
    """The visit is to be paid before the doctor sets out."""

    code = "payment_required"
    text = "This visit is paid in advance, and it has not been paid yet."


class PaymentOpen(Conflict):
    """A payment of this call has not ended yet."""

    code = "payment_open"
    text = "A payment of this call has not ended yet."


class NothingToPay(Conflict):
    """Everything that is owed for the call has been paid, or nothing is owed."""

    code = "nothing_to_pay"
    text = "There is nothing to pay."


class InsufficientFunds(Conflict):
    """The account holds less than is to be taken from it."""

    code = "insufficient_funds"
    text = "There is not enough money on the account."


class RefundOpen(Conflict):
    """A refund of this payment has not ended yet; facts tell which."""

    text = "{who} asked for {amount} {ago}: {status}. One refund at a time."


class LedgerConflict(Conflict):
    """The same posting was made before with other amounts."""

    code = "ledger_conflict"
    text = "This was posted before with other amounts. Ask the administrator."


class IdempotencyInProgress(Conflict):
    """The twin of this request is still running."""

    code = "idempotency_in_progress"
    text = "The same request is still being carried out."


class TooLarge(DomainError):
    """The body is larger than the service takes."""

    code, status = "too_large", 413
    text = "The request is too large."


class ValidationFailed(DomainError):
    """Malformed input."""

    code, status = "validation_error", 422
    text = "Some fields are wrong."

    @property
    def public_facts(self) -> dict[str, Any]:
        """The fields with what is wrong about each."""
        return {"errors": self.facts.get("errors", [])}


class FileRefused(ValidationFailed):
    """The content of an uploaded file is not taken; `reason` is a code."""

    REASONS: ClassVar[dict[str, Lazy]] = {
        "empty": Lazy("The file is empty."),
        "unknown": Lazy("Only JPEG, PNG, WebP and PDF files are taken."),
        "heic": Lazy("HEIC pictures are not taken. Save it as JPEG first."),
        "two_faces": Lazy("The file holds something of another type as well."),
        "broken": Lazy("The file is damaged or incomplete."),
        "pixels": Lazy("The picture is larger than {most} million pixels."),
        "pages": Lazy("The document has more than {most} pages."),
        "encrypted": Lazy("The document is protected by a password."),
        "heavy": Lazy("The file takes too much work to open."),
    }

    def __init__(self, *, reason: str, **values: Any) -> None:
        message = gettext(str.__str__(self.REASONS[reason]), **values)
        super().__init__(errors=[{"field": "file", "message": message}])
        self.reason = reason


class QuotaSpent(Conflict):
    """The applicant has uploaded as much as one may in a month."""

    code = "quota_exceeded"
    text = "No more files can be uploaded this month."


class IdempotencyKeyReused(DomainError):
    """The key was used with another body."""

    code, status = "idempotency_key_reused", 422
    text = "This idempotency key was used with another request."


class TooManyRequests(DomainError):
    """A rate limit is spent; `retry_after` is in seconds."""

    code, status = "too_many_requests", 429
    text = "Too many attempts. Try again in {retry_after} s."


class TooManyBookings(DomainError):
    """The patient has as many open bookings as one may have."""

    code, status = "too_many_bookings", 429
    text = "You already have {limit} open calls. Finish or cancel one of them first."


class Unavailable(DomainError):
    """Something the service leans on is down; trying again helps."""

    code, status = "unavailable", 503
    text = "The service is not available right now. Please try again."
