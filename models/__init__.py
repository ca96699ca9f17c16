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
from models.ledger import LedgerAccount, LedgerEntry, LedgerJournal, LedgerSnapshot
from models.message import ChatTicket, Message, MessageRead, QuickReply
from models.notification import (
    Notification,
    NotificationPreference,
    QuietHours,
)
from models.patient_profile import PatientProfile
from models.payment import Payment, ProviderEvent, WebhookInbox
from models.payout import Payout, PayoutLine, Tariff
from models.presence import Presence
from models.price_item import PriceItem
from models.profile_change import ProfileChange
from models.rate_limit import RateLimit
from models.receipt import Receipt
from models.recon_issue import ReconIssue, ReconMark
from models.refresh_token import RefreshToken
from models.refund import Refund, RefundClaim, RefundPolicy
from models.role_grant import Role, RoleGrant
from models.second_factor import RecoveryCode, TotpSecret
from models.setting import Setting
from models.shift import Holiday, Shift, ShiftException
from models.staff_session import StaffSession
from models.street import Street
from models.telegram import TalkLink, TelegramDialog, TelegramLink, TelegramUpdate
from models.user import User
from models.verification_code import VerificationCode
from models.withdrawal import Withdrawal

__all__ = [
    "Address",
    "ApplicationEvent",
    "Assignment",
    "AuditEvent",
    "Booking",
    "BookingEvent",
    "BookingItem",
    "ChatTicket",
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
    "LedgerAccount",
    "LedgerEntry",
    "LedgerJournal",
    "LedgerSnapshot",
    "Message",
    "MessageRead",
    "Notification",
    "NotificationPreference",
    "Outcome",
    "PatientProfile",
    "Payment",
    "Payout",
    "PayoutLine",
    "Presence",
    "PriceItem",
    "ProfileChange",
    "ProviderEvent",
    "QuickReply",
    "QuietHours",
    "RateLimit",
    "Receipt",
    "ReconIssue",
    "ReconMark",
    "RecoveryCode",
    "RefreshToken",
    "Refund",
    "RefundClaim",
    "RefundPolicy",
    "Role",
    "RoleGrant",
    "Setting",
    "Shift",
    "ShiftException",
    "StaffSession",
    "Street",
    "TalkLink",
    "Tariff",
    "TelegramDialog",
    "TelegramLink",
    "TelegramUpdate",
    "TotpSecret",
    "User",
    "VerificationCode",
    "WebhookInbox",
    "Withdrawal",
    "metadata",
]
