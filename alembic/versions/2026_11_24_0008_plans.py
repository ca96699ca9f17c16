"""Working plans as moments: what weeks, single days and holidays come to.

Revision 0008, after 0007.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# services/working_hours.py reckons the same in Python; a test compares the two.
# A shift belongs to the day on which it begins. Without any weekly shift every day
# is open all round, but for the days that an exception speaks of.
PLANNED_HOURS = """
CREATE FUNCTION planned_hours(doctor uuid, first_day date, last_day date)
RETURNS tstzmultirange LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(range_agg(tstzrange(
           timezone('Europe/Moscow', turn.begins),
           timezone('Europe/Moscow', turn.begins)
             + make_interval(mins => turn.minutes))), '{}')
    FROM (
      SELECT e.day + e.starts_at AS begins, e.minutes
        FROM shift_exception e
       WHERE e.doctor_id = doctor AND e.day BETWEEN first_day AND last_day
         AND e.minutes IS NOT NULL
      UNION ALL
      SELECT days.day + week.starts_at, week.minutes
        FROM (SELECT CAST(d AS date) AS day
                FROM generate_series(first_day, last_day, interval '1 day') AS d
             ) AS days
        JOIN (SELECT s.weekday, s.starts_at, s.minutes
                FROM shift s WHERE s.doctor_id = doctor
              UNION ALL
              SELECT open, time '00:00', 1440 FROM generate_series(0, 6) AS open
               WHERE NOT EXISTS (SELECT FROM shift s WHERE s.doctor_id = doctor)
             ) AS week ON week.weekday = extract(isodow FROM days.day) - 1
       WHERE NOT EXISTS (SELECT FROM shift_exception e
                          WHERE e.doctor_id = doctor AND e.day = days.day)
         AND NOT EXISTS (SELECT FROM holiday h
                          WHERE h.day = days.day
                            AND EXISTS (SELECT FROM shift s
                                         WHERE s.doctor_id = doctor))
    ) AS turn
$$
"""
WORKS_BY_PLAN = """
CREATE FUNCTION works_by_plan(doctor uuid, opens timestamptz, closes timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT planned_hours(
           doctor,
           CAST(timezone('Europe/Moscow', opens) AS date) - 1,
           CAST(timezone('Europe/Moscow', closes) AS date)
         ) @> tstzrange(opens, closes)
$$
"""


def upgrade() -> None:
    _run(PLANNED_HOURS)
    _run(WORKS_BY_PLAN)


def downgrade() -> None:
    _run("DROP FUNCTION works_by_plan")
    _run("DROP FUNCTION planned_hours")


def _run(sql: str) -> None:
    # The functions hold % and : characters that no parameter parser may touch.
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
