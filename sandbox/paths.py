"""The ways that past calls went, step by step, and the columns they are written in."""

from collections.abc import Mapping
from typing import NamedTuple

from models.booking_words import CancelReason


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "booking": _names(
        "id created_at updated_at number patient_id status call_type priority"
        " specialization symptoms subject_name subject_birth_date"
        " address_text entrance floor intercom flat district latitude longitude"
        " wanted_from wanted_to stop_id price_kopecks source version completed_at"
        " cancelled_at actual_minutes conclusion cancel_reason_code"
    ),
    "booking_event": _names(
        "id created_at updated_at booking_id version event from_status to_status"
        " actor_id acting_as via comment data"
    ),
    "assignment": _names(
        "id created_at updated_at booking_id doctor_id stop_id planned_start"
        " planned_window travel_minutes assigned_by assigned_at accepted_at"
        " departed_at started_at released_at outcome outcome_reason"
    ),
}
TABLES = tuple(COLUMNS)


class Move(NamedTuple):
    """One step: the verb, where from and to, who acts, and the minutes before it."""

    verb: str
    source: str
    target: str
    role: str
    least: int
    most: int


ASSIGN = Move("assign", "pending", "assigned", "dispatcher", 1, 9)
ACCEPT = Move("accept", "assigned", "accepted", "doctor", 1, 5)
DEPART = Move("depart", "accepted", "en_route", "doctor", 1, 12)
START = Move("start", "en_route", "in_progress", "doctor", 12, 50)
ARRIVE = Move("start", "assigned", "in_progress", "doctor", 20, 60)
COMPLETE = Move("complete", "in_progress", "completed", "doctor", 15, 55)
DECLINE = Move("decline", "assigned", "pending", "doctor", 1, 6)
UNASSIGN = Move("unassign", "accepted", "pending", "dispatcher", 3, 15)
EARLY = Move("cancel", "pending", "cancelled", "patient", 2, 30)
NO_DOCTOR = Move("cancel", "assigned", "cancelled", "dispatcher", 2, 20)
ABSENT = Move("cancel", "en_route", "cancelled", "doctor", 15, 50)

VISIT = (ACCEPT, DEPART, START, COMPLETE)
PATHS: Mapping[tuple[Move, ...], int] = {
    (ASSIGN, *VISIT): 64,
    (ASSIGN, ARRIVE, COMPLETE): 12,
    (ASSIGN, DECLINE, ASSIGN, *VISIT): 5,
    (ASSIGN, ACCEPT, UNASSIGN, ASSIGN, *VISIT): 3,
    (EARLY,): 7,
    (ASSIGN, NO_DOCTOR): 4,
    (ASSIGN, ACCEPT, DEPART, ABSENT): 5,
}
WAITING: tuple[Move, ...] = ()
REASONS = {
    "patient": CancelReason.PATIENT_CHANGED_MIND,
    "dispatcher": CancelReason.NO_DOCTOR,
    "doctor": CancelReason.PATIENT_ABSENT,
}
RELEASES = {
    "complete": "completed",
    "decline": "declined",
    "unassign": "unassigned",
    "cancel": "cancelled",
}
