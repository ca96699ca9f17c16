"""Every permission on one screen: which roles may do or see what.

Roles narrow further by ownership, which each service checks under its lock.
"""

from collections.abc import Mapping
from enum import StrEnum

from models.booking import Verb
from models.role_grant import Role
from services.actor import Actor
from services.errors import Forbidden

P, D, C = Role.PATIENT, Role.DOCTOR, Role.CLINIC
DISPATCHER, CURATOR, FINANCE = Role.DISPATCHER, Role.CURATOR, Role.FINANCE
ADMIN, SYSTEM = Role.ADMIN, Role.SYSTEM


class Permission(StrEnum):
    """What may be permitted; booking verbs appear as `booking.<verb>`."""

    BOOKING_CREATE = "booking.create"
    BOOKING_EDIT = "booking.edit"
    BOOKING_JOIN = "booking.join"
    BOOKING_HAND_TO_CLINIC = "booking.hand_to_clinic"
    BOOKING_TAKE_BACK = "booking.take_back"
    BOOKING_ASSIGN = "booking.assign"
    BOOKING_REPLAN = "booking.replan"
    BOOKING_REASSIGN = "booking.reassign"
    BOOKING_UNASSIGN = "booking.unassign"
    BOOKING_ACCEPT = "booking.accept"
    BOOKING_DECLINE = "booking.decline"
    BOOKING_DEPART = "booking.depart"
    BOOKING_START = "booking.start"
    BOOKING_COMPLETE = "booking.complete"
    BOOKING_CANCEL = "booking.cancel"
    BOOKING_FLAG = "booking.flag"
    BOOKING_READ = "booking.read"
    BOOKING_FINANCE_READ = "booking.finance_read"
    BOARD_USE = "board.use"
    DOCTOR_READ = "doctor.read"
    DOCTOR_MANAGE = "doctor.manage"
    DOCTOR_BLOCK = "doctor.block"
    DOCTOR_DUTY = "doctor.duty"
    PLAN_EDIT = "plan.edit"
    HOLIDAY_EDIT = "holiday.edit"
    CLINIC_READ = "clinic.read"
    CLINIC_MANAGE = "clinic.manage"
    PATIENT_PROFILE_OWN = "patient.own_profile"
    USER_READ = "user.read"
    USER_BLOCK = "user.block"
    ROLE_GRANT = "role.grant"
    STAFF_CREATE = "staff.create"
    PRICE_READ = "price.read"
    PRICE_EDIT = "price.edit"
    SETTING_EDIT = "setting.edit"
    JOURNAL_READ = "journal.read"
    APPLICATION_OWN = "application.own"
    APPLICATION_REVIEW = "application.review"
    DOCUMENT_READ = "document.read"
    DOCTOR_SUSPEND = "doctor.suspend"
    PROFILE_OWN = "doctor.own_profile"
    ACCOUNT_OWN = "account.own"
    CLINIC_INVITE = "clinic.invite"
    CONSENT_EDIT = "consent.edit"
    SECOND_FACTOR_RESET = "second_factor.reset"
    NOTIFICATION_READ = "notification.read"
    NOTIFICATION_RETRY = "notification.retry"
    PAYMENT_OWN = "payment.own"
    WALLET_OWN = "wallet.own"
    EARNINGS_OWN = "earnings.own"
    PAYMENT_READ = "payment.read"
    PAYMENT_SETTLE = "payment.settle"
    REFUND_REQUEST = "refund.request"
    REFUND_APPROVE = "refund.approve"
    CLAIM_OPEN = "claim.open"
    CLAIM_DECIDE = "claim.decide"
    WITHDRAWAL_PREPARE = "withdrawal.prepare"
    WITHDRAWAL_APPROVE = "withdrawal.approve"
    EXTRAS_AGREE = "extras.agree"
    EXTRAS_WAIVE = "extras.waive"
    COMPENSATE = "wallet.compensate"
    PAYOUT_MAKE = "payout.make"
    PAYOUT_APPROVE = "payout.approve"
    TARIFF_EDIT = "tariff.edit"
    REFUND_POLICY_EDIT = "refund_policy.edit"
    LEDGER_READ = "ledger.read"
    RECON_READ = "recon.read"
    RECON_RESOLVE = "recon.resolve"
    CHAT_READ = "chat.read"
    CHAT_WRITE = "chat.write"
    CHAT_HIDE = "chat.hide"
    QUICK_REPLY_EDIT = "quick_reply.edit"
    TELEGRAM_OWN = "telegram.own"
    TELEGRAM_CONTENT_EDIT = "telegram_content.edit"
    NOTICE_OWN = "notification.own"
    CONSOLE_USE = "console.use"
    MAINTENANCE = "maintenance"


GRANTED: Mapping[Permission, frozenset[Role]] = {
    Permission.BOOKING_CREATE: frozenset({P, DISPATCHER}),
    Permission.BOOKING_EDIT: frozenset({P, DISPATCHER}),
    Permission.BOOKING_JOIN: frozenset({DISPATCHER}),
    Permission.BOOKING_HAND_TO_CLINIC: frozenset({DISPATCHER}),
    Permission.BOOKING_TAKE_BACK: frozenset({DISPATCHER}),
    Permission.BOOKING_ASSIGN: frozenset({DISPATCHER, C}),
    Permission.BOOKING_REPLAN: frozenset({DISPATCHER}),
    Permission.BOOKING_REASSIGN: frozenset({DISPATCHER}),
    Permission.BOOKING_UNASSIGN: frozenset({DISPATCHER, SYSTEM}),
    Permission.BOOKING_ACCEPT: frozenset({D, DISPATCHER}),
    Permission.BOOKING_DECLINE: frozenset({D}),
    Permission.BOOKING_DEPART: frozenset({D, DISPATCHER}),
    Permission.BOOKING_START: frozenset({D, DISPATCHER}),
    Permission.BOOKING_COMPLETE: frozenset({D, DISPATCHER}),
    Permission.BOOKING_CANCEL: frozenset({P, D, DISPATCHER}),
    Permission.BOOKING_FLAG: frozenset({D, DISPATCHER}),
    Permission.BOOKING_READ: frozenset({DISPATCHER}),
    Permission.BOOKING_FINANCE_READ: frozenset({FINANCE}),
    Permission.BOARD_USE: frozenset({DISPATCHER}),
    Permission.DOCTOR_READ: frozenset({DISPATCHER, CURATOR, ADMIN}),
    Permission.DOCTOR_MANAGE: frozenset({CURATOR, ADMIN}),
    Permission.DOCTOR_BLOCK: frozenset({CURATOR, ADMIN}),
    Permission.DOCTOR_DUTY: frozenset({D, DISPATCHER}),
    Permission.PLAN_EDIT: frozenset({D, DISPATCHER, CURATOR}),
    Permission.HOLIDAY_EDIT: frozenset({CURATOR, ADMIN}),
    Permission.CLINIC_READ: frozenset({DISPATCHER, CURATOR, ADMIN}),
    Permission.CLINIC_MANAGE: frozenset({CURATOR, ADMIN}),
    Permission.PATIENT_PROFILE_OWN: frozenset({P}),
    Permission.USER_READ: frozenset({ADMIN}),
    Permission.USER_BLOCK: frozenset({ADMIN}),
    Permission.ROLE_GRANT: frozenset({ADMIN}),
    Permission.STAFF_CREATE: frozenset({ADMIN}),
    Permission.PRICE_READ: frozenset({DISPATCHER, FINANCE, ADMIN}),
    Permission.PRICE_EDIT: frozenset({FINANCE, ADMIN}),
    Permission.SETTING_EDIT: frozenset({ADMIN}),
    Permission.JOURNAL_READ: frozenset({ADMIN}),
    Permission.APPLICATION_OWN: frozenset({P, D, C}),
    Permission.APPLICATION_REVIEW: frozenset({CURATOR}),
    Permission.DOCUMENT_READ: frozenset({CURATOR}),
    Permission.DOCTOR_SUSPEND: frozenset({CURATOR}),
    Permission.PROFILE_OWN: frozenset({D}),
    Permission.ACCOUNT_OWN: frozenset({P, D, C}),
    Permission.CLINIC_INVITE: frozenset({CURATOR, ADMIN}),
    Permission.CONSENT_EDIT: frozenset({ADMIN}),
    Permission.SECOND_FACTOR_RESET: frozenset({ADMIN}),
    Permission.NOTIFICATION_READ: frozenset({ADMIN}),
    Permission.NOTIFICATION_RETRY: frozenset({ADMIN}),
    Permission.PAYMENT_OWN: frozenset({P}),
    Permission.WALLET_OWN: frozenset({P}),
    Permission.EARNINGS_OWN: frozenset({D}),
    Permission.PAYMENT_READ: frozenset({FINANCE}),
    Permission.PAYMENT_SETTLE: frozenset({SYSTEM}),
    Permission.REFUND_REQUEST: frozenset({FINANCE}),
    Permission.REFUND_APPROVE: frozenset({FINANCE}),
    Permission.CLAIM_OPEN: frozenset({P}),
    Permission.CLAIM_DECIDE: frozenset({FINANCE}),
    Permission.WITHDRAWAL_PREPARE: frozenset({FINANCE}),
    Permission.WITHDRAWAL_APPROVE: frozenset({FINANCE}),
    Permission.EXTRAS_AGREE: frozenset({P}),
    Permission.EXTRAS_WAIVE: frozenset({FINANCE}),
    Permission.COMPENSATE: frozenset({FINANCE}),
    Permission.PAYOUT_MAKE: frozenset({FINANCE}),
    Permission.PAYOUT_APPROVE: frozenset({FINANCE}),
    Permission.TARIFF_EDIT: frozenset({FINANCE}),
    Permission.REFUND_POLICY_EDIT: frozenset({FINANCE}),
    Permission.LEDGER_READ: frozenset({FINANCE}),
    Permission.RECON_READ: frozenset({FINANCE, ADMIN}),
    Permission.RECON_RESOLVE: frozenset({FINANCE, ADMIN}),
    Permission.CHAT_READ: frozenset({P, D, DISPATCHER}),
    Permission.CHAT_WRITE: frozenset({P, D, DISPATCHER}),
    Permission.CHAT_HIDE: frozenset({DISPATCHER}),
    Permission.QUICK_REPLY_EDIT: frozenset({DISPATCHER, ADMIN}),
    Permission.TELEGRAM_OWN: frozenset({P, D}),
    Permission.TELEGRAM_CONTENT_EDIT: frozenset({ADMIN}),
    Permission.NOTICE_OWN: frozenset({P, D, C}),
    Permission.CONSOLE_USE: frozenset({DISPATCHER, CURATOR, FINANCE, ADMIN}),
    Permission.MAINTENANCE: frozenset({SYSTEM}),
}


def may(role: Role, permission: Permission) -> bool:
    """Tell whether the role holds the permission."""
    return role in GRANTED[permission]


def demand(actor: Actor, permission: Permission) -> None:
    """Refuse with Forbidden unless the actor's role holds the permission."""
    if not may(actor.acting_as, permission):
        raise Forbidden


def permission_of(verb: Verb) -> Permission:
    """Give the permission that a booking verb needs."""
    return Permission(f"booking.{verb.value}")
