"""The tables of the back office and the facts that one row knows about itself."""

from models.address import Address
from models.assignment import Assignment, Outcome
from models.audit_event import AuditEvent
from models.base import metadata
from models.booking import Booking
from models.booking_event import BookingEvent
from models.booking_item import BookingItem
from models.clinic import ClinicMember, ClinicProfile
from models.consent import Consent, ConsentText
from models.doctor_application import ApplicationEvent, DoctorApplication
from models.doctor_profile import DoctorProfile
from models.doctor_state import DoctorState
from models.document import Document
from models.idempotency_record import IdempotencyRecord
from models.notification import Notification
from models.patient_profile import PatientProfile
from models.presence import Presence
from models.price_item import PriceItem
from models.profile_change import ProfileChange
from models.rate_limit import RateLimit
from models.refresh_token import RefreshToken
from models.role_grant import Role, RoleGrant
from models.second_factor import RecoveryCode, TotpSecret
from models.setting import Setting
from models.shift import Holiday, Shift, ShiftException
from models.staff_session import StaffSession
from models.street import Street
from models.user import User
from models.verification_code import VerificationCode

__all__ = [
    "Address",
    "ApplicationEvent",
    "Assignment",
    "AuditEvent",
    "Booking",
    "BookingEvent",
    "BookingItem",
    "ClinicMember",
    "ClinicProfile",
    "Consent",
    "ConsentText",
    "DoctorApplication",
    "DoctorProfile",
    "DoctorState",
    "Document",
    "Holiday",
    "IdempotencyRecord",
    "Notification",
    "Outcome",
    "PatientProfile",
    "Presence",
    "PriceItem",
    "ProfileChange",
    "RateLimit",
    "RecoveryCode",
    "RefreshToken",
    "Role",
    "RoleGrant",
    "Setting",
    "Shift",
    "ShiftException",
    "StaffSession",
    "Street",
    "TotpSecret",
    "User",
    "VerificationCode",
    "metadata",
]
