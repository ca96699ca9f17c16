"""A doctor's whole visit from Telegram, and every way it may go."""

from models import DoctorState
from models.booking import Status
from tests import factories
from tests.api.telegram.stage import Stage


async def test_a_whole_visit(stage: Stage) -> None:
    doctor, phone = await stage.doctor(on_duty=False)
    patient = await stage.do(factories.patient)
    await stage.content(patient)
    ecg = await stage.do(factories.extra_item)
    await stage.said(phone, "/menu")
    await stage.tapped(phone, "Выйти на линию")
    assert "Вы на линии" in phone.texts[-1]
    booking = await stage.call(patient, doctor)
    await stage.delivered()
    assert "Температура" in phone.texts[-1]
    assert patient.last_name not in phone.texts[-1]
    assert "Тверская" not in phone.texts[-1]
    assert phone.buttons()[:2] == ["Принять", "Отказаться"]
    await stage.tapped(phone, "Принять")
    assert (await stage.now(booking)).status is Status.ACCEPTED
    assert "Тверская" in phone.texts[-1]
    assert patient.last_name in phone.texts[-1]
    await stage.tapped(phone, "Выехать")
    phone.locate(55.75, 37.6, live_period=900)
    await stage.heard()
    phone.move(55.7512, 37.6184)
    await stage.heard()
    await stage.tapped(phone, "На месте")
    await stage.tapped(phone, "Завершить")
    await stage.tapped(phone, "40")
    await stage.said(phone, "ОРВИ. Обильное питьё.")
    await stage.tapped(phone, "ЭКГ")
    await stage.tapped(phone, "ЭКГ × 1")
    await stage.tapped(phone, "Продолжить")
    assert "ЭКГ × 2" in phone.texts[-1]
    await stage.tapped(phone, "Да, завершить")
    done = await stage.now(booking)
    assert (done.status, done.actual_minutes) == (Status.COMPLETED, 40)
    assert done.conclusion == "ОРВИ. Обильное питьё."
    assert done.extras_kopecks == 2 * ecg.price_kopecks
