"""The vocabulary of bookings: small closed lists of words."""

from collections.abc import Mapping
from enum import StrEnum


class CallType(StrEnum):
    """Why the doctor comes; all three are home visits."""

    URGENT = "urgent"
    SCHEDULED = "scheduled"
    CONSULTATION = "consultation"


class Priority(StrEnum):
    """How soon a call must be dealt with, the most pressing first."""

    EMERGENCY = "emergency"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


PRIORITY_OF: Mapping[CallType, Priority] = {
    CallType.URGENT: Priority.HIGH,
    CallType.SCHEDULED: Priority.NORMAL,
    CallType.CONSULTATION: Priority.LOW,
}


class BookingSource(StrEnum):
    """Where a call came from."""

    API = "api"
    PHONE = "phone"
    BOT = "bot"


class Flag(StrEnum):
    """What a doctor or dispatcher warns of."""

    NEEDS_SECOND_DOCTOR = "needs_second_doctor"
    DOCTOR_IN_DANGER = "doctor_in_danger"
    RESUSCITATION = "resuscitation"
    HOSPITAL_TRANSFER = "hospital_transfer"


class ExtraConsent(StrEnum):
    """What the patient says to items well above the quote."""

    AWAITED = "awaited"
    AGREED = "agreed"
    WAIVED = "waived"


class Bearer(StrEnum):
    """Who bears the cost of a cancellation."""

    PATIENT = "patient"
    SERVICE = "service"
    CLINIC = "clinic"


class CancelReason(StrEnum):
    """Why a booking was cancelled."""

    PATIENT_CHANGED_MIND = "patient_changed_mind"
    PATIENT_ABSENT = "patient_absent"
    REFUSED_ON_SITE = "refused_on_site"
    NO_DOCTOR = "no_doctor"
    DUPLICATE = "duplicate"
    FALSE_CALL = "false_call"
    CLINIC_FAULT = "clinic_fault"
    OTHER = "other"


BEARER_OF: Mapping[CancelReason, Bearer] = {
    CancelReason.PATIENT_CHANGED_MIND: Bearer.PATIENT,
    CancelReason.PATIENT_ABSENT: Bearer.PATIENT,
    CancelReason.REFUSED_ON_SITE: Bearer.PATIENT,
    CancelReason.NO_DOCTOR: Bearer.SERVICE,
    CancelReason.DUPLICATE: Bearer.SERVICE,
    CancelReason.FALSE_CALL: Bearer.PATIENT,
    CancelReason.CLINIC_FAULT: Bearer.CLINIC,
    CancelReason.OTHER: Bearer.SERVICE,
}
