"""The rules that hold at every moment, as SQL that selects (offender, detail).

Several repeat what a constraint or trigger forbids: data may also come from a bulk
load, a restored copy or a hand that switched the net off.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models.booking import EDGES, Status, Verb, sources_of
from models.role_grant import STAFF_ROLES, Role
from services.i18n import Lazy
from services.idempotency import UNDER_WAY
from services.permissions import GRANTED, Permission, permission_of


@dataclass(frozen=True)
class Rule:
    """A name, the promise in one sentence, and the query for who breaks it."""

    name: str
    about: Lazy
    query: str


def _row(*values: str) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def _legal_moves() -> Iterable[str]:
    for verb, edge in EDGES.items():
        for source in edge.sources:
            yield _row(verb, source, edge.target or source)


def _permitted_moves() -> Iterable[str]:
    for role in GRANTED[Permission.BOOKING_CREATE]:
        yield _row("create", role, "")
    for verb in Verb:
        for role in GRANTED[permission_of(verb)]:
            for source in sources_of(verb, role):
                yield _row(verb, role, source)
    # Blocking a doctor takes them off the visits not begun.
    for role in GRANTED[Permission.DOCTOR_BLOCK]:
        yield _row(Verb.UNASSIGN, role, Status.ASSIGNED)
        yield _row(Verb.UNASSIGN, role, Status.ACCEPTED)


LEGAL = ", ".join(sorted(_legal_moves()))
PERMITTED = ", ".join(sorted(_permitted_moves()))
STAFF = _row(*sorted(STAFF_ROLES))
WITH_TURN = _row("assigned", "accepted", "en_route", "in_progress")

BOOKING_RULES = (
    Rule(
        "status_is_last_step",
        Lazy("A call stands where the last step of its history left it."),
        """SELECT b.id, b.status FROM booking b
        LEFT JOIN booking_event e ON e.booking_id = b.id AND e.version = b.version
        WHERE e.to_status IS DISTINCT FROM b.status""",
    ),
    Rule(
        "version_counts_steps",
        Lazy("The version of a call is the number of its steps, without gaps."),
        """SELECT b.id, b.version FROM booking b
        LEFT JOIN (SELECT booking_id, count(*) AS steps, max(version) AS last
                   FROM booking_event GROUP BY booking_id) e ON e.booking_id = b.id
        WHERE (e.steps, e.last) IS DISTINCT FROM (b.version::bigint, b.version)""",
    ),
    Rule(
        "history_is_connected",
        Lazy("Each step starts where the one before ended; the first makes the call."),
        """SELECT booking_id, version FROM (
          SELECT booking_id, version, event, from_status, to_status,
                 lag(to_status) OVER (PARTITION BY booking_id ORDER BY version) AS was
          FROM booking_event) e
        WHERE from_status IS DISTINCT FROM was
           OR (version = 1) <> (event = 'create')
           OR (version = 1 AND to_status <> 'pending')""",
    ),
    Rule(
        "steps_are_legal",
        Lazy("Each step is on the table of edges."),
        f"""SELECT booking_id, concat(event, ' ', from_status, ' > ', to_status)
        FROM booking_event WHERE version > 1
        AND (event, from_status, to_status) NOT IN (VALUES {LEGAL})""",  # noqa: S608
    ),
    Rule(
        "steps_are_permitted",
        Lazy("Each step was made in a role that may make it."),
        f"""SELECT booking_id, concat(acting_as, ' ', event, ' ', from_status)
        FROM booking_event
        WHERE (event, acting_as, coalesce(from_status, ''))
          NOT IN (VALUES {PERMITTED})""",  # noqa: S608
    ),
    Rule(
        "nobody_decides_for_themselves",
        Lazy("Nobody acts on a call of their own but as its patient."),
        """SELECT b.id, e.event FROM booking b JOIN booking_event e
          ON e.booking_id = b.id AND e.actor_id = b.patient_id
        WHERE e.acting_as <> 'patient' AND e.event <> 'create'
        UNION ALL
        SELECT b.id, 'doctor' FROM booking b JOIN assignment a
          ON a.booking_id = b.id AND a.doctor_id = b.patient_id""",
    ),
    Rule(
        "steps_are_journalled",
        Lazy("Each step of a call has its line in the journal."),
        """SELECT e.booking_id, concat(e.event, ' ', e.version) FROM booking_event e
        LEFT JOIN audit_event a ON a.object_id = e.booking_id
          AND a.object_type = 'booking' AND a.action = 'booking.' || e.event
          AND a.actor_id = e.actor_id AND a.data ->> 'version' = e.version::text
        WHERE a.id IS NULL""",
    ),
)

TURN_RULES = (
    Rule(
        "one_running_turn",
        Lazy("At most one doctor's turn at a call is running."),
        """SELECT booking_id, count(*) FROM assignment WHERE released_at IS NULL
        GROUP BY booking_id HAVING count(*) > 1""",
    ),
    Rule(
        "turn_fits_status",
        Lazy("A turn runs exactly while the call is between assigned and finished."),
        f"""SELECT b.id, b.status FROM booking b LEFT JOIN assignment a
          ON a.booking_id = b.id AND a.released_at IS NULL
        WHERE (a.id IS NOT NULL) <> (b.status IN {WITH_TURN})""",  # noqa: S608
    ),
    Rule(
        "stamps_fit_status",
        Lazy("The stamps of a running turn tell the same as the call's status."),
        """SELECT b.id, b.status FROM booking b JOIN assignment a
          ON a.booking_id = b.id AND a.released_at IS NULL
        WHERE (b.status = 'in_progress') <> (a.started_at IS NOT NULL)
           OR (b.status = 'en_route' AND a.departed_at IS NULL)
           OR (b.status IN ('assigned', 'accepted') AND a.departed_at IS NOT NULL)
           OR (b.status = 'accepted' AND a.accepted_at IS NULL)
           OR (b.status = 'assigned' AND a.accepted_at IS NOT NULL)""",
    ),
    Rule(
        "stamps_are_in_order",
        Lazy("A turn is assigned, accepted, on the way, started and over in order."),
        """SELECT booking_id, doctor_id FROM assignment
        WHERE greatest(assigned_at, accepted_at, departed_at, started_at)
                > coalesce(released_at, 'infinity')
           OR greatest(assigned_at, accepted_at, departed_at) > started_at
           OR greatest(assigned_at, accepted_at) > departed_at
           OR assigned_at > accepted_at""",
    ),
    Rule(
        "outcome_fits_status",
        Lazy("A completed call has one completed turn; no other call has any."),
        """SELECT b.id, b.status FROM booking b LEFT JOIN assignment a
          ON a.booking_id = b.id AND a.outcome IN ('completed', 'cancelled')
        WHERE (b.status = 'completed' AND a.outcome IS DISTINCT FROM 'completed')
           OR (a.outcome <> b.status)""",
    ),
    Rule(
        "plans_do_not_overlap",
        Lazy("No doctor is planned at two stops at once."),
        """SELECT a.doctor_id, a.booking_id FROM assignment a JOIN assignment o
          ON o.doctor_id = a.doctor_id AND o.stop_id <> a.stop_id AND o.id > a.id
          AND o.planned_window && a.planned_window
        WHERE a.released_at IS NULL AND o.released_at IS NULL""",
    ),
    Rule(
        "under_way_once",
        Lazy("A doctor is under way to, or at, one stop at a time."),
        """SELECT doctor_id, count(DISTINCT stop_id) FROM assignment
        WHERE released_at IS NULL AND coalesce(departed_at, started_at) IS NOT NULL
        GROUP BY doctor_id HAVING count(DISTINCT stop_id) > 1""",
    ),
    Rule(
        "decline_is_final",
        Lazy("Who declined a call does not get it again."),
        """SELECT a.booking_id, a.doctor_id FROM assignment d JOIN assignment a
          ON a.booking_id = d.booking_id AND a.doctor_id = d.doctor_id
          AND a.assigned_at > d.released_at
        WHERE d.outcome = 'declined'""",
    ),
)

PEOPLE_RULES = (
    Rule(
        "blocked_are_out",
        Lazy("A blocked person has no open session and no living token."),
        """SELECT u.id, 'console' FROM app_user u JOIN staff_session s
          ON s.user_id = u.id AND s.ended_at IS NULL AND s.expires_at > app_now()
        WHERE u.blocked_at IS NOT NULL
        UNION ALL
        SELECT u.id, 'token' FROM app_user u JOIN refresh_token t
          ON t.user_id = u.id AND t.revoked_at IS NULL AND t.used_at IS NULL
          AND t.expires_at > app_now()
        WHERE u.blocked_at IS NOT NULL""",
    ),
    Rule(
        "blocked_doctors_have_no_visits",
        Lazy("A blocked doctor has no visit that has not begun."),
        """SELECT u.id, a.booking_id FROM app_user u JOIN assignment a
          ON a.doctor_id = u.id AND a.released_at IS NULL AND a.started_at IS NULL
          AND a.departed_at IS NULL
        WHERE u.blocked_at IS NOT NULL""",
    ),
    Rule(
        "staff_roles_exclude",
        Lazy("Nobody holds two roles of staff, and an administrator no other role."),
        f"""SELECT user_id, string_agg(role, ' ' ORDER BY role) FROM role_grant
        WHERE revoked_at IS NULL GROUP BY user_id
        HAVING count(*) FILTER (WHERE role IN {STAFF}) > 1
            OR (bool_or(role = '{Role.ADMIN}') AND count(*) > 1)""",  # noqa: S608
    ),
    Rule(
        "roles_have_profiles",
        Lazy("A patient, a doctor and a clinic manager have what the role needs."),
        """SELECT g.user_id, g.role FROM role_grant g
        LEFT JOIN patient_profile p ON p.user_id = g.user_id
        LEFT JOIN doctor_profile d ON d.user_id = g.user_id
        LEFT JOIN clinic_member m ON m.user_id = g.user_id
        WHERE g.revoked_at IS NULL AND (
             (g.role = 'patient' AND p.id IS NULL)
          OR (g.role = 'doctor' AND d.id IS NULL)
          OR (g.role = 'clinic' AND m.id IS NULL))""",
    ),
    Rule(
        "applications_stand_at_their_last_step",
        Lazy("An application stands where the last step of its history left it."),
        """SELECT a.id, a.status FROM doctor_application a
        LEFT JOIN application_event e
          ON e.application_id = a.id AND e.version = a.version
        WHERE e.to_status IS DISTINCT FROM a.status""",
    ),
    Rule(
        "approved_applicants_are_doctors",
        Lazy("Who is approved has a doctor's profile, stopped only when suspended."),
        """SELECT a.id, a.status FROM doctor_application a
        LEFT JOIN doctor_profile p ON p.user_id = a.user_id
        WHERE a.status IN ('approved', 'suspended') AND (p.approved_at IS NULL
          OR (a.status = 'suspended') <> (p.suspended_at IS NOT NULL))""",
    ),
)

HOUSEKEEPING_RULES = (
    Rule(
        "answers_are_forgotten",
        Lazy("Answers kept for repeated requests are gone after two days."),
        """SELECT id, created_at FROM idempotency_record
        WHERE created_at < app_now() - interval '48 hours'""",
    ),
    # A mark stays for whoever repeats the request; its payment is followed up at once.
    Rule(
        "requests_under_way_are_followed_up",
        Lazy(
            "A request is under way for five minutes at most, or its payment goes on."
        ),
        f"""SELECT r.id, r.created_at FROM idempotency_record r
        WHERE r.status_code = {UNDER_WAY}
          AND r.created_at < app_now() - interval '5 minutes'
          AND NOT EXISTS (SELECT FROM payment p
            WHERE CAST(p.id AS text) = r.body AND p.status <> 'created')""",  # noqa: S608
    ),
    Rule(
        "jobs_have_workers",
        Lazy("No job is held by a worker that has been silent for five minutes."),
        """SELECT j.id, j.task_name FROM jobs.procrastinate_jobs j
        LEFT JOIN jobs.procrastinate_workers w ON w.id = j.worker_id
        WHERE j.status = 'doing' AND coalesce(w.last_heartbeat, '-infinity')
          < clock_timestamp() - interval '5 minutes'""",
    ),
)

RULES = BOOKING_RULES + TURN_RULES + PEOPLE_RULES + HOUSEKEEPING_RULES
