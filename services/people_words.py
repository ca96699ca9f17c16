"""What the states of people's papers and messages are called on screens."""

from collections.abc import Mapping
from enum import StrEnum

from models.doctor_application import ApplicationStatus, ApplicationVerb
from models.document import DocumentKind, DocumentStatus, Requirement
from models.notification import NotificationChannel, NotificationStatus
from models.profile_change import ChangeStatus
from services.i18n import Lazy

PEOPLE: Mapping[type[StrEnum], Mapping[str, Lazy]] = {
    ApplicationStatus: {
        ApplicationStatus.DRAFT: Lazy("Being filled in"),
        ApplicationStatus.SUBMITTED: Lazy("Waits for a decision"),
        ApplicationStatus.MORE_INFO: Lazy("More is asked for"),
        ApplicationStatus.APPROVED: Lazy("Application approved"),
        ApplicationStatus.REJECTED: Lazy("Application rejected"),
        ApplicationStatus.SUSPENDED: Lazy("Doctor suspended"),
        ApplicationStatus.WITHDRAWN: Lazy("Application withdrawn"),
    },
    ApplicationVerb: {
        ApplicationVerb.EDIT: Lazy("Edit the application"),
        ApplicationVerb.SUBMIT: Lazy("Submit"),
        ApplicationVerb.WITHDRAW: Lazy("Withdraw"),
        ApplicationVerb.ASK_MORE: Lazy("Ask for more"),
        ApplicationVerb.APPROVE: Lazy("Approve"),
        ApplicationVerb.REJECT: Lazy("Reject"),
        ApplicationVerb.SUSPEND: Lazy("Suspend"),
        ApplicationVerb.RESTORE: Lazy("Lift the suspension"),
    },
    DocumentKind: {
        DocumentKind.DIPLOMA: Lazy("Diploma"),
        DocumentKind.CERTIFICATE: Lazy("Specialist certificate"),
        DocumentKind.ACCREDITATION: Lazy("Accreditation"),
        DocumentKind.LICENCE: Lazy("Licence document"),
        DocumentKind.PASSPORT: Lazy("Passport"),
        DocumentKind.PORTRAIT: Lazy("Portrait"),
    },
    DocumentStatus: {
        DocumentStatus.SUBMITTED: Lazy("Document to be checked"),
        DocumentStatus.ACCEPTED: Lazy("Document accepted"),
        DocumentStatus.REJECTED: Lazy("Document rejected"),
        DocumentStatus.REPLACED: Lazy("Document replaced"),
        DocumentStatus.REMOVED: Lazy("Document removed"),
    },
    Requirement: {
        Requirement.PASSPORT: Lazy("Passport copy"),
        Requirement.DIPLOMA: Lazy("Diploma of education"),
        Requirement.QUALIFICATION: Lazy("Certificate or accreditation"),
        Requirement.LICENCE: Lazy("Copy of the licence"),
        Requirement.PORTRAIT: Lazy("Portrait of the doctor"),
    },
    ChangeStatus: {
        ChangeStatus.PENDING: Lazy("Change waits for a decision"),
        ChangeStatus.APPROVED: Lazy("Change approved"),
        ChangeStatus.REJECTED: Lazy("Change rejected"),
        ChangeStatus.WITHDRAWN: Lazy("Change withdrawn"),
    },
    NotificationChannel: {
        NotificationChannel.TELEGRAM: Lazy("By Telegram"),
        NotificationChannel.EMAIL: Lazy("By e-mail"),
        NotificationChannel.SMS: Lazy("By SMS"),
        NotificationChannel.CONSOLE: Lazy("In the console"),
    },
    NotificationStatus: {
        NotificationStatus.QUEUED: Lazy("Waits to be sent"),
        NotificationStatus.SENT: Lazy("Sent"),
        NotificationStatus.DELIVERED: Lazy("Delivered"),
        NotificationStatus.DEAD: Lazy("Given up"),
        NotificationStatus.REPLACED: Lazy("Went another way"),
        NotificationStatus.DROPPED: Lazy("No longer needed"),
    },
}
