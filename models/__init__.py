"""The tables of the back office and the facts that one row knows about itself."""

from models.address import Address
from models.assignment import Assignment, Outcome
from models.audit_event import AuditEvent
from models.base import metadata
from models.booking import Booking
from models.booking_event import BookingEvent
from models.booking_item import BookingItem
from models.clinic import ClinicMember, ClinicProfile
from models.consent import Consent
from models.doctor_profile import DoctorProfile
from models.doctor_state import DoctorState
from models.idempotency_record import IdempotencyRecord
from models.patient_profile import PatientProfile
from models.presence import Presence
from models.price_item import PriceItem
from models.rate_limit import RateLimit
from models.refresh_token import RefreshToken
from models.role_grant import Role, RoleGrant
from models.setting import Setting
from models.staff_session import StaffSession
from models.street import Street
from models.user import User

__all__ = [
    "Address",
    "Assignment",
    "AuditEvent",
    "Booking",
    "BookingEvent",
    "BookingItem",
    "ClinicMember",
    "ClinicProfile",
    "Consent",
    "DoctorProfile",
    "DoctorState",
    "IdempotencyRecord",
    "Outcome",
    "PatientProfile",
    "Presence",
    "PriceItem",
    "RateLimit",
    "RefreshToken",
    "Role",
    "RoleGrant",
    "Setting",
    "StaffSession",
    "Street",
    "User",
    "metadata",
]
