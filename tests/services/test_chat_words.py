"""What a conversation says itself when its call moves on, in both languages."""

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking import EDGES, Status, Verb
from models.booking_words import CancelReason
from services import assignments, bookings, chat_words, visits
from services.i18n import use_locale
from tests import factories
from tests.talking import Talk, seen, talk

WAY = (
    ("assign", "Вызов предложен врачу Орлов Д. И.", "is asked to take the call."),
    ("decline", "Врач не сможет приехать. Ищем другого.", "The doctor cannot come."),
    ("assign", "Вызов предложен врачу Кузнецов Д. И.", "is asked to take the call."),
    ("unassign", "Вызов снова ждёт врача.", "The call waits for a doctor again."),
    ("assign", "Вызов предложен врачу Кузнецов Д. И.", "is asked to take the call."),
    ("accept", "Врач Кузнецов Д. И. принял вызов.", "has accepted the call."),
    ("depart", "Врач Кузнецов Д. И. в пути.", "is on the way."),
    ("start", "Врач Кузнецов Д. И. на месте.", "is on scene."),
    ("complete", "Визит завершён.", "The visit is over."),
)


async def walk(session: AsyncSession, here: Talk) -> None:
    """Take the call to its end by a way on which a doctor is changed."""
    second = here.second_user.id
    await assignments.assign(session, here.desk, here.id, here.doctor_user.id, None)
    await visits.decline(session, here.doctor, here.id, "Тайная причина")
    await assignments.assign(session, here.desk, here.id, second, None)
    await assignments.unassign(session, here.desk, here.id, None, "Тайная причина")
    await assignments.assign(session, here.desk, here.id, second, None)
    await visits.accept(session, here.second, here.id)
    await visits.depart(session, here.second, here.id)
    await visits.start(session, here.second, here.id)
    await visits.complete(session, here.second, here.id, 30, "Тайное заключение")


async def test_each_step_is_told_in_both_languages(session: AsyncSession) -> None:
    here = await talk(session, Status.PENDING)
    await walk(session, here)
    for locale, place in (("ru", 1), ("en", 2)):
        with use_locale(locale):
            lines = await seen(session, here.patient, here.id)
        assert len(lines) == len(WAY)
        for line, step in zip(lines, WAY, strict=True):
            assert step[place] in line.text
            assert (line.kind, line.role, line.name) == ("system", "system", "")
            assert "Тайн" not in line.text


async def test_a_call_given_to_another_and_one_called_off_are_told(
    session: AsyncSession,
) -> None:
    here = await talk(session)
    await assignments.reassign(session, here.desk, here.id, here.second_user.id, None)
    await bookings.cancel(session, here.patient, here.id, CancelReason.OTHER)
    lines = await seen(session, here.patient, here.id)
    assert [line.text for line in lines[-2:]] == [
        "Вызов предложен другому врачу: Кузнецов Д. И.",
        "Вызов отменён.",
    ]


async def test_a_new_hour_is_not_told(session: AsyncSession) -> None:
    here = await talk(session)
    before = len(await seen(session, here.patient, here.id))
    await assignments.replan(session, here.desk, here.id, None, None)
    assert len(await seen(session, here.patient, here.id)) == before


@pytest.mark.parametrize("verb", list(Verb))
def test_what_is_told_is_a_step_of_the_table(verb: Verb) -> None:
    told = chat_words.is_told(verb, {"doctor_id": "x"})
    # Whatever moves the call is told, and a change of doctors.
    changes = EDGES[verb].target is not None
    assert told is (changes or verb is Verb.REASSIGN)
    if told:
        assert chat_words.sentence(verb, None)


def test_a_doctor_of_whom_no_name_is_left_is_a_dash() -> None:
    with use_locale("en"):
        assert chat_words.sentence("accept", None) == "Doctor — has accepted the call."


@pytest.mark.parametrize("verb", [Verb.REASSIGN, Verb.HAND_TO_CLINIC, Verb.TAKE_BACK])
def test_a_change_by_which_no_doctor_comes_or_goes_is_not_told(verb: Verb) -> None:
    assert not chat_words.is_told(verb, {})


async def test_a_doctor_who_loses_the_call_to_a_clinic_is_told(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.ASSIGNED)
    clinic = await factories.clinic(session)
    await bookings.hand_to_clinic(session, here.desk, here.id, clinic.id, None)
    line = (await seen(session, here.patient, here.id))[-1]
    assert line.text == "Вызов снова ждёт врача."
    await bookings.take_back(session, here.desk, here.id, None)
    assert (await seen(session, here.patient, here.id))[-1] == line
