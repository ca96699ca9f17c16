"""The query behind the candidates: nearest first, by index, with all their facts.

For ordering, distances are in degrees of latitude, where a degree of longitude
counts for its length at Moscow; the indexes stand on the same expressions.
"""
# ruff: noqa: S608 - put together from constants only

LOOKED_AT, NEIGHBOURS, NAMED, WEIGHED = 200, 20, 20, 40
# The way that a minute takes, by the speed and detour of services/planning.py.
MINUTE_IN_DEGREES = 0.0027

_CALL = "point(CAST(%(longitude)s AS float8) * 0.5627, CAST(%(latitude)s AS float8))"
_POSITION = "point(s.longitude * 0.5627, s.latitude)"
_HOME = "point(p.home_longitude * 0.5627, p.home_latitude)"

# What assign() would refuse is left out by the same rules, so that the two
# hundred are two hundred who can come; the exact check is made afterwards.
_ABLE = """
  p.approved_at IS NOT NULL AND p.suspended_at IS NULL
  AND p.specializations @> ARRAY[CAST(%(specialization)s AS varchar)]
  AND least(p.licence_expires_on, p.documents_valid_until) >= CAST(%(day)s AS date)
  AND p.user_id <> %(patient_id)s AND p.user_id <> ALL(CAST(%(declined)s AS uuid[]))
  AND (CAST(%(clinic_id)s AS uuid) IS NULL OR p.clinic_id = %(clinic_id)s)"""
# Sooner visits are for doctors on duty. For later ones a shift has to touch the
# wanted hours; days that an exception speaks of are left to the exact check. OFFSET 0
# keeps the planner from reading all shifts into a table of hashes.
_AT_WORK = """
  CASE WHEN NOT CAST(%(later)s AS boolean) THEN coalesce(s.on_duty, false)
  ELSE EXISTS (
    SELECT FROM shift w
    WHERE w.doctor_id = p.user_id AND extract(epoch FROM w.starts_at) / 60
      BETWEEN (CAST(%(lows)s AS int[]))[w.weekday + 1] - w.minutes
          AND (CAST(%(highs)s AS int[]))[w.weekday + 1]
    OFFSET 0
  ) OR NOT EXISTS (SELECT FROM shift w WHERE w.doctor_id = p.user_id OFFSET 0)
    OR p.user_id IN (SELECT e.doctor_id FROM shift_exception e
                     WHERE e.day = ANY(CAST(%(days)s AS date[])))
  END"""

_NEAREST = f"""
near AS MATERIALIZED (
  SELECT s.doctor_id FROM doctor_state s
  JOIN doctor_profile p ON p.user_id = s.doctor_id
  WHERE s.latitude IS NOT NULL AND ({_AT_WORK}) AND {_ABLE}
  ORDER BY {_POSITION} <-> {_CALL} LIMIT {LOOKED_AT}
), homes AS MATERIALIZED (
  SELECT p.user_id FROM doctor_profile p
  WHERE p.home_latitude IS NOT NULL AND {_ABLE}
  ORDER BY {_HOME} <-> {_CALL} LIMIT {LOOKED_AT}
), at_home AS (
  SELECT p.user_id AS doctor_id FROM homes p
  LEFT JOIN LATERAL (SELECT s.latitude, s.on_duty FROM doctor_state s
                     WHERE s.doctor_id = p.user_id OFFSET 0) s ON true
  WHERE s.latitude IS NULL AND ({_AT_WORK})
), neighbours AS MATERIALIZED (
  SELECT s.doctor_id FROM doctor_state s WHERE s.latitude IS NOT NULL
  ORDER BY {_POSITION} <-> {_CALL} LIMIT {NEIGHBOURS}
)"""

# Without a point on the map: whoever is able, the best rated first.
_ANYWHERE = f"""
near AS MATERIALIZED (
  SELECT p.user_id AS doctor_id FROM doctor_profile p
  LEFT JOIN doctor_state s ON s.doctor_id = p.user_id
  WHERE ({_AT_WORK}) AND {_ABLE}
  ORDER BY p.rating DESC NULLS LAST, p.user_id LIMIT {LOOKED_AT}
), at_home AS (
  SELECT doctor_id FROM near LIMIT 0
), neighbours AS (
  SELECT doctor_id FROM near LIMIT 0
)"""

_NAMED = f"""
named AS MATERIALIZED (
  SELECT p.user_id AS doctor_id FROM app_user u
  JOIN doctor_profile p ON p.user_id = u.id
  WHERE CAST(%(name)s AS text) <> '' AND u.search_name LIKE %(name)s
  ORDER BY u.search_name LIMIT {NAMED}
)"""

# Two hundred are ordered by a rough time of arrival; the best and whoever must be
# told about are looked at closely.
_SHORT_LIST = f"""
chosen AS MATERIALIZED (
  SELECT doctor_id, bool_or(told) AS told FROM (
    SELECT doctor_id, false AS told FROM near
    UNION ALL SELECT doctor_id, false FROM at_home
    UNION ALL SELECT doctor_id, true FROM neighbours
    UNION ALL SELECT doctor_id, true FROM named) AS everybody
  GROUP BY doctor_id
), short AS MATERIALIZED (
  SELECT c.doctor_id, c.told, s.on_duty, s.latitude, s.longitude, s.position_at,
    p.suspended_at IS NULL AND p.approved_at IS NOT NULL AS approved, p.specializations, p.licence_expires_on, p.documents_valid_until,
    p.languages, p.clinic_id, p.rating, p.home_latitude, p.home_longitude
  FROM chosen c
  CROSS JOIN LATERAL (SELECT p.* FROM doctor_profile p
                      WHERE p.user_id = c.doctor_id OFFSET 0) p
  LEFT JOIN LATERAL (SELECT s.* FROM doctor_state s
                     WHERE s.doctor_id = c.doctor_id OFFSET 0) s ON true
  CROSS JOIN LATERAL (SELECT max(upper(a.planned_window)) AS until FROM assignment a
                      WHERE a.doctor_id = c.doctor_id
                        AND a.released_at IS NULL) AS plans
  ORDER BY c.told DESC, c.doctor_id IS NOT DISTINCT FROM %(wished)s DESC,
    coalesce(coalesce({_POSITION}, {_HOME}) <-> {_CALL}, 0)
    + greatest(0, extract(epoch FROM plans.until - CAST(%(base)s AS timestamptz)) / 60)
      * {MINUTE_IN_DEGREES}
  LIMIT %(weighed)s
)"""

_FACTS = """
seen AS MATERIALIZED (
  SELECT DISTINCT a.doctor_id FROM booking b
  JOIN assignment a ON a.booking_id = b.id AND a.outcome = 'completed'
  WHERE b.patient_id = %(patient_id)s
)
SELECT c.*, u.first_name, u.last_name, u.middle_name,
  u.blocked_at IS NOT NULL AS blocked,
  c.doctor_id = ANY(CAST(%(declined)s AS uuid[])) AS declined,
  c.doctor_id IN (SELECT doctor_id FROM seen) AS seen,
  granted.has_role, work.today, work.last_end, work.declines, plans.busy,
  weekly.week, special.days
FROM short c
JOIN app_user u ON u.id = c.doctor_id
CROSS JOIN LATERAL (
  SELECT count(*) > 0 AS has_role FROM role_grant g
  WHERE g.user_id = c.doctor_id AND g.role = 'doctor' AND g.revoked_at IS NULL
) AS granted
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE a.planned_start >= %(midnight)s
           AND coalesce(a.outcome, 'completed') = 'completed') AS today,
         max(a.released_at) FILTER (WHERE a.outcome = 'completed') AS last_end,
         count(*) FILTER (WHERE a.outcome = 'declined') AS declines
  FROM assignment a
  WHERE a.doctor_id = c.doctor_id AND a.planned_start > %(week_ago)s
    AND a.planned_start < CAST(%(midnight)s AS timestamptz) + interval '1 day') AS work
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_array(a.booking_id, b.number, a.stop_id,
      extract(epoch FROM lower(a.planned_window)),
      extract(epoch FROM a.planned_start),
      extract(epoch FROM upper(a.planned_window)),
      b.latitude, b.longitude) ORDER BY lower(a.planned_window)) AS busy
  FROM assignment a JOIN booking b ON b.id = a.booking_id
  WHERE a.doctor_id = c.doctor_id AND a.released_at IS NULL
    AND a.booking_id <> %(booking_id)s) AS plans
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_array(w.weekday, w.starts_at, w.minutes)) AS week
  FROM shift w WHERE w.doctor_id = c.doctor_id) AS weekly
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_array(e.day, e.starts_at, e.minutes)) AS days
  FROM shift_exception e WHERE e.doctor_id = c.doctor_id
    AND e.day >= CAST(%(midnight)s AS date) - 1) AS special
"""

# The call itself; the name of the setting is put together here as
# settings.visit_minutes_key does it, to save a round trip.
CALL = """
SELECT b.id, b.patient_id, b.call_type, b.specialization, b.latitude, b.longitude,
  b.wanted_from, b.wanted_to, b.preferred_doctor_id, b.stop_id, b.clinic_id,
  app_now() AS now, u.locale,
  (SELECT CAST(value AS int) FROM setting
   WHERE key = 'visit_minutes.' || b.call_type || '.' || b.specialization) AS minutes,
  ARRAY(SELECT a.doctor_id FROM assignment a
        WHERE a.booking_id = b.id AND a.outcome = 'declined') AS declined,
  (SELECT json_agg(h.day) FROM holiday h
   WHERE h.day >= CAST(timezone('Europe/Moscow', app_now()) AS date) - 1) AS holidays
FROM booking b JOIN app_user u ON u.id = b.patient_id
WHERE b.id = %(booking_id)s
"""
NEAR_THE_CALL = f"WITH {_NEAREST}, {_NAMED}, {_SHORT_LIST}, {_FACTS}"
ANYWHERE = f"WITH {_ANYWHERE}, {_NAMED}, {_SHORT_LIST}, {_FACTS}"
