"""What patients, doctors and dispatchers are told of a call: its number and when.

Nothing medical, no address and no name but the doctor's stands in any of them.
"""

from collections.abc import Mapping

from models.role_grant import Role
from services.i18n import Lazy
from services.notification_kinds import APPLICANTS, DOCTORS, RELAY, Text

CALLS: Mapping[str, Text] = {
    "booking_received": Text(
        Lazy("Your call is received"),
        Lazy("Call {call} is received. We are looking for a doctor."),
    ),
    "booking_assigned": Text(
        Lazy("A doctor is found"),
        Lazy("Call {call}: doctor {doctor} is asked to come at about {time}."),
    ),
    "booking_moved": Text(
        Lazy("Your doctor comes at another time"),
        Lazy("Call {call}: doctor {doctor} now comes at about {time}."),
    ),
    "booking_accepted": Text(
        Lazy("The doctor has accepted your call"),
        Lazy("Call {call}: doctor {doctor} comes at about {time}."),
    ),
    "booking_declined": Text(
        Lazy("We are looking for another doctor"),
        Lazy("Call {call}: the doctor cannot come. We are looking for another one."),
    ),
    "booking_on_the_way": Text(
        Lazy("The doctor is on the way"),
        Lazy("Call {call}: doctor {doctor} is on the way, about {minutes} min."),
        urgent=True,
    ),
    "booking_started": Text(
        Lazy("The doctor is with you"),
        Lazy("Call {call}: doctor {doctor} is on scene."),
    ),
    "booking_finished": Text(
        Lazy("The visit is over"),
        Lazy("Call {call}: the visit is over. Everything about it is in the app."),
    ),
    "booking_cancelled": Text(
        Lazy("Your call is cancelled"),
        Lazy("Call {call} is cancelled. Call us if you still need a doctor."),
    ),
    "visit_assigned": Text(
        Lazy("A new call for you"),
        Lazy("Call {call} is for you: {time}, {district}. Accept or decline it."),
        roles=DOCTORS,
        urgent=True,
    ),
    "visit_changed": Text(
        Lazy("A call of yours has changed"),
        Lazy("Call {call} has changed: {time}, {district}. Look at it again."),
        roles=DOCTORS,
        urgent=True,
    ),
    "visit_lost": Text(
        Lazy("A call is no longer yours"),
        Lazy("Call {call} is no longer yours. You need not go there."),
        roles=DOCTORS,
        urgent=True,
    ),
    "chat_unread": Text(
        Lazy("Unread messages"),
        Lazy("Call {call}: unread messages: {count}."),
        roles=APPLICANTS,
    ),
    "chat_message": Text(
        Lazy("A message about your call"),
        Lazy("There is a new message about your call."),
        channels=RELAY,
        roles=APPLICANTS,
        urgent=True,
        passing=True,
    ),
    # Never sent as such: it marks what the bot itself has shown, see telegram_shown.
    "visit_card": Text(
        Lazy("A card of a call"),
        Lazy("The bot has shown a call."),
        channels=RELAY,
        roles=frozenset(),
        passing=True,
    ),
    "sla_breach": Text(
        Lazy("A call waits too long"),
        Lazy("Call {call} has been waiting for {minutes} min, {district}."),
        roles=frozenset({Role.DISPATCHER}),
        urgent=True,
    ),
}
