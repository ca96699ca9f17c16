"""What applicants, doctors and curators are told of papers and of the right to work."""

from collections.abc import Mapping

from services.i18n import Lazy
from services.notification_kinds import APPLICANTS, DOCTORS, ON_DESK, STAFF, Text

PAPERS: Mapping[str, Text] = {
    "application_submitted": Text(
        Lazy("Your application has arrived"),
        Lazy("Your application has arrived. A curator looks at it now."),
        roles=APPLICANTS,
    ),
    "application_more_info": Text(
        Lazy("Your application: something is missing"),
        Lazy("The curator asks for more. See your application in the app."),
        roles=APPLICANTS,
    ),
    "application_approved": Text(
        Lazy("Welcome aboard"),
        Lazy("Your application is approved. You can go on duty."),
        roles=APPLICANTS,
    ),
    "application_rejected": Text(
        Lazy("Your application"),
        Lazy("Your application is rejected. The reason stands in the app."),
        roles=APPLICANTS,
    ),
    "document_rejected": Text(
        Lazy("A document was not accepted"),
        Lazy("Not accepted: {document}. The reason stands in the app."),
        roles=APPLICANTS,
    ),
    "application_suspended": Text(
        Lazy("Your work is suspended"),
        Lazy("Your work with the service is suspended. The reason stands in the app."),
        roles=DOCTORS,
    ),
    "application_restored": Text(
        Lazy("You can work again"),
        Lazy("The suspension is lifted. You can go on duty."),
        roles=DOCTORS,
    ),
    "profile_change_approved": Text(
        Lazy("Your changes are accepted"),
        Lazy("The changes of your profile are accepted."),
        roles=DOCTORS,
    ),
    "profile_change_rejected": Text(
        Lazy("Your changes are not accepted"),
        Lazy(
            "The changes of your profile are not accepted. See the reason in the app."
        ),
        roles=DOCTORS,
    ),
    "licence_expiring": Text(
        Lazy("Your documents are running out"),
        Lazy("Valid until {day}: licence or documents. Send the new ones in time."),
        roles=DOCTORS,
    ),
    "licence_expired": Text(
        Lazy("Your documents have run out"),
        Lazy("Licence or documents were valid until {day}. No calls until renewed."),
        roles=DOCTORS,
    ),
    "paper_to_check": Text(
        Lazy("A paper to check"),
        Lazy("{doctor} has sent a new paper: {document}."),
        channels=ON_DESK,
        roles=STAFF,
    ),
    "licence_expiring_curator": Text(
        Lazy("Documents are running out"),
        Lazy("{doctor}: licence or documents are valid until {day}."),
        channels=ON_DESK,
        roles=STAFF,
    ),
}
