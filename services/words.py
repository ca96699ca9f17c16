"""What every enumeration is called on screens, in the reader's language."""

from collections.abc import Mapping
from enum import StrEnum

from models.assignment import Outcome
from models.booking import Status, Verb
from models.booking_words import (
    Bearer,
    BookingSource,
    CallType,
    CancelReason,
    Flag,
    Priority,
)
from models.patient_profile import Sex
from models.payment import PaymentState
from models.price_item import PriceKind
from models.role_grant import Role
from models.specialization import Specialization
from services.actor import Via
from services.i18n import Lazy
from services.ledger_words import LEDGER
from services.payment_words import PAYMENTS
from services.payout_words import PAYOUTS
from services.people_words import PEOPLE
from services.refund_words import REFUNDS

# Members of different enumerations may be equal as strings, so the tables are
# kept apart by class.
LABELS: Mapping[type[StrEnum], Mapping[str, Lazy]] = {
    **PAYMENTS,
    **PAYOUTS,
    **LEDGER,
    **PEOPLE,
    **REFUNDS,
    Status: {
        Status.PENDING: Lazy("Waiting"),
        Status.ASSIGNED: Lazy("Assigned"),
        Status.ACCEPTED: Lazy("Accepted"),
        Status.EN_ROUTE: Lazy("Under way"),
        Status.IN_PROGRESS: Lazy("On scene"),
        Status.COMPLETED: Lazy("Completed"),
        Status.CANCELLED: Lazy("Cancelled"),
    },
    Verb: {
        Verb.EDIT: Lazy("Edit"),
        Verb.JOIN: Lazy("Add words"),
        Verb.HAND_TO_CLINIC: Lazy("Hand to a clinic"),
        Verb.TAKE_BACK: Lazy("Take back from the clinic"),
        Verb.ASSIGN: Lazy("Assign"),
        Verb.REPLAN: Lazy("Change the planned time"),
        Verb.REASSIGN: Lazy("Reassign"),
        Verb.UNASSIGN: Lazy("Take off the doctor"),
        Verb.ACCEPT: Lazy("Accept"),
        Verb.DECLINE: Lazy("Decline"),
        Verb.DEPART: Lazy("Set out"),
        Verb.START: Lazy("On scene now"),
        Verb.COMPLETE: Lazy("Complete"),
        Verb.CANCEL: Lazy("Cancel the call"),
        Verb.FLAG: Lazy("Flag"),
    },
    CallType: {
        CallType.URGENT: Lazy("Urgent"),
        CallType.SCHEDULED: Lazy("Scheduled"),
        CallType.CONSULTATION: Lazy("Consultation"),
    },
    Priority: {
        Priority.EMERGENCY: Lazy("Emergency"),
        Priority.HIGH: Lazy("High priority"),
        Priority.NORMAL: Lazy("Normal priority"),
        Priority.LOW: Lazy("Low priority"),
    },
    BookingSource: {
        BookingSource.API: Lazy("App"),
        BookingSource.PHONE: Lazy("Phone"),
        BookingSource.BOT: Lazy("Bot"),
    },
    Flag: {
        Flag.NEEDS_SECOND_DOCTOR: Lazy("Second doctor needed"),
        Flag.DOCTOR_IN_DANGER: Lazy("Doctor in danger"),
        Flag.RESUSCITATION: Lazy("Resuscitation"),
        Flag.HOSPITAL_TRANSFER: Lazy("Hospital transfer"),
    },
    CancelReason: {
        CancelReason.PATIENT_CHANGED_MIND: Lazy("The patient changed their mind"),
        CancelReason.PATIENT_ABSENT: Lazy("Nobody at the address"),
        CancelReason.REFUSED_ON_SITE: Lazy("Refused on the spot"),
        CancelReason.NO_DOCTOR: Lazy("No doctor available"),
        CancelReason.DUPLICATE: Lazy("Duplicate"),
        CancelReason.FALSE_CALL: Lazy("False call"),
        CancelReason.CLINIC_FAULT: Lazy("The clinic's fault"),
        CancelReason.OTHER: Lazy("Other reason"),
    },
    Bearer: {
        Bearer.PATIENT: Lazy("Borne by the patient"),
        Bearer.SERVICE: Lazy("Borne by the service"),
        Bearer.CLINIC: Lazy("Borne by the clinic"),
    },
    Outcome: {
        Outcome.COMPLETED: Lazy("Visit completed"),
        Outcome.CANCELLED: Lazy("Call cancelled"),
        Outcome.DECLINED: Lazy("Declined by the doctor"),
        Outcome.UNASSIGNED: Lazy("Taken off the call"),
        Outcome.REASSIGNED: Lazy("Given to another doctor"),
    },
    PaymentState: {
        PaymentState.UNPAID: Lazy("Not paid"),
        PaymentState.PENDING: Lazy("Payment under way"),
        PaymentState.PAID: Lazy("Paid"),
        PaymentState.REFUND_PENDING: Lazy("Refund under way"),
        PaymentState.PARTLY_REFUNDED: Lazy("Partly refunded"),
        PaymentState.REFUNDED: Lazy("Refunded"),
    },
    Sex: {Sex.FEMALE: Lazy("Female"), Sex.MALE: Lazy("Male")},
    PriceKind: {
        PriceKind.VISIT: Lazy("Visit"),
        PriceKind.EXTRA: Lazy("Extra service"),
    },
    Role: {
        Role.PATIENT: Lazy("Patient"),
        Role.DOCTOR: Lazy("Doctor"),
        Role.CLINIC: Lazy("Clinic"),
        Role.DISPATCHER: Lazy("Dispatcher"),
        Role.CURATOR: Lazy("Curator"),
        Role.FINANCE: Lazy("Finance"),
        Role.ADMIN: Lazy("Administrator"),
        Role.SYSTEM: Lazy("System"),
    },
    Via: {
        Via.API: Lazy("through the app"),
        Via.CONSOLE: Lazy("through the console"),
        Via.BOT: Lazy("through the bot"),
        Via.JOB: Lazy("by itself"),
    },
    Specialization: {
        Specialization.THERAPIST: Lazy("Therapist"),
        Specialization.PEDIATRICIAN: Lazy("Pediatrician"),
        Specialization.CARDIOLOGIST: Lazy("Cardiologist"),
        Specialization.NEUROLOGIST: Lazy("Neurologist"),
        Specialization.OTOLARYNGOLOGIST: Lazy("Otolaryngologist"),
        Specialization.SURGEON: Lazy("Surgeon"),
        Specialization.DERMATOLOGIST: Lazy("Dermatologist"),
        Specialization.GASTROENTEROLOGIST: Lazy("Gastroenterologist"),
        Specialization.GYNECOLOGIST: Lazy("Gynecologist"),
        Specialization.UROLOGIST: Lazy("Urologist"),
        Specialization.OPHTHALMOLOGIST: Lazy("Ophthalmologist"),
        Specialization.ORTHOPEDIST: Lazy("Orthopedist"),
        Specialization.ENDOCRINOLOGIST: Lazy("Endocrinologist"),
        Specialization.PSYCHIATRIST: Lazy("Psychiatrist"),
    },
}

# What the history says happened, by the word in booking_event.
EVENTS: Mapping[str, Lazy] = {
    "create": Lazy("Call taken"),
    Verb.EDIT: Lazy("Call edited"),
    Verb.JOIN: Lazy("Words of the caller added"),
    Verb.HAND_TO_CLINIC: Lazy("Handed to a clinic"),
    Verb.TAKE_BACK: Lazy("Taken back from the clinic"),
    Verb.ASSIGN: Lazy("Doctor assigned"),
    Verb.REPLAN: Lazy("Planned time changed"),
    Verb.REASSIGN: Lazy("Given to another doctor"),
    Verb.UNASSIGN: Lazy("Doctor taken off"),
    Verb.ACCEPT: Lazy("Doctor accepted"),
    Verb.DECLINE: Lazy("Doctor declined"),
    Verb.DEPART: Lazy("Doctor set out"),
    Verb.START: Lazy("Doctor on scene"),
    Verb.COMPLETE: Lazy("Visit completed"),
    Verb.CANCEL: Lazy("Call cancelled"),
    Verb.FLAG: Lazy("Flag changed"),
    "claim": Lazy("The patient proved the phone number"),
}


def label(member: StrEnum) -> str:
    """Name a member of an enumeration in the reader's language."""
    return str(LABELS[type(member)][member.value])


def event_label(event: str) -> str:
    """Name what happened, by the word that the history keeps."""
    return str(EVENTS[event])
