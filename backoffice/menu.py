"""The menu, top to bottom. A page is part of the console once it stands here."""

from typing import Any

from backoffice.applications import ApplicationDesk
from backoffice.board.views import Board
from backoffice.booking_card import BookingCard
from backoffice.bookings import BookingsView
from backoffice.call_money import CallMoneyPage
from backoffice.chat import Chats
from backoffice.claims import ClaimPage
from backoffice.clinics import ClinicsView
from backoffice.consents import ConsentTexts
from backoffice.doctor_form import DoctorForm
from backoffice.doctors import DoctorsView
from backoffice.documents import DocumentFiles
from backoffice.finance import FinanceView
from backoffice.journal import JournalView
from backoffice.ledger import LedgerDesk
from backoffice.money_days import MoneyDays
from backoffice.money_queues import MoneyQueues
from backoffice.new_call import NewCall
from backoffice.notices import NotificationsView, NotificationTexts, OwnNotices
from backoffice.own_sessions import OwnSessions
from backoffice.patient_access import PatientAccess
from backoffice.payments import PaymentsView
from backoffice.payouts import Payouts
from backoffice.preferences import Preferences
from backoffice.price_list import PriceListView
from backoffice.profile_changes import ProfileChanges
from backoffice.quick_replies import QuickReplies
from backoffice.recon import Mismatches
from backoffice.refund_policy import RefundPolicyPage
from backoffice.refunds import RefundPage
from backoffice.second_factor import SecondFactor
from backoffice.settings_page import SettingsPage
from backoffice.staff_pages import NewStaff, OwnPassword
from backoffice.tariffs import TariffsPage
from backoffice.users import UsersView
from backoffice.withdrawals import WithdrawalPage
from backoffice.working_plans import Holidays, WorkingPlans

VIEWS: tuple[type[Any], ...] = (
    Board,
    Chats,
    NewCall,
    BookingCard,
    BookingsView,
    MoneyQueues,
    Mismatches,
    PaymentsView,
    CallMoneyPage,
    RefundPage,
    ClaimPage,
    WithdrawalPage,
    FinanceView,
    MoneyDays,
    LedgerDesk,
    Payouts,
    TariffsPage,
    RefundPolicyPage,
    ApplicationDesk,
    ProfileChanges,
    DoctorsView,
    DoctorForm,
    WorkingPlans,
    Holidays,
    DocumentFiles,
    ClinicsView,
    PriceListView,
    UsersView,
    NewStaff,
    JournalView,
    NotificationsView,
    ConsentTexts,
    SettingsPage,
    QuickReplies,
    Preferences,
    OwnPassword,
    OwnSessions,
    OwnNotices,
    NotificationTexts,
    PatientAccess,
    SecondFactor,
)
