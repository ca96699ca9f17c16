"""What patients say on the phone, and what doctors write afterwards."""

import random
from collections.abc import Mapping

from models.specialization import Specialization

# How often each specialization is asked for, and how many doctors have it.
DEMAND: Mapping[Specialization, int] = {
    Specialization.THERAPIST: 42,
    Specialization.PEDIATRICIAN: 26,
    Specialization.CARDIOLOGIST: 6,
    Specialization.NEUROLOGIST: 6,
    Specialization.OTOLARYNGOLOGIST: 5,
    Specialization.SURGEON: 3,
    Specialization.DERMATOLOGIST: 2,
    Specialization.GASTROENTEROLOGIST: 2,
    Specialization.GYNECOLOGIST: 1,
    Specialization.UROLOGIST: 1,
    Specialization.OPHTHALMOLOGIST: 1,
    Specialization.ORTHOPEDIST: 2,
    Specialization.ENDOCRINOLOGIST: 2,
    Specialization.PSYCHIATRIST: 1,
}

COMPLAINTS: Mapping[Specialization, tuple[str, ...]] = {
    Specialization.THERAPIST: (
        "Температура 38,6 второй день, ломота, сухой кашель",
        "Давление 170 на 100, болит голова, тошнит",
        "Слабость и головокружение с утра, живёт без родных",
        "Кашель с мокротой неделю, одышка при ходьбе",
        "Рвота и понос с ночи, температура 37,8",
        "Боль в горле, не может глотать, 38,2",
        "Нужен больничный: ОРВИ, температура 37,9",
        "Озноб, температура 39,1, жаропонижающее не помогает",
        "После падения болит бок при вдохе",
    ),
    Specialization.PEDIATRICIAN: (
        "Температура 39, отказывается пить",
        "Сыпь по телу, беспокойно спит",
        "Рвота четыре раза за ночь",
        "Лающий кашель, осип голос",
        "Болит ухо, температура 38, плачет",
        "Сыпь после нового лекарства",
        "Плановый осмотр ребёнка на дому",
        "Болит живот справа, 37,6",
    ),
    Specialization.CARDIOLOGIST: (
        "Перебои в сердце, пульс 120, стенокардия в анамнезе",
        "Отёки ног усилились, одышка лёжа",
        "Давление скачет третий день, принимает три препарата",
        "Давящая боль за грудиной прошла, просят осмотр и ЭКГ",
    ),
    Specialization.NEUROLOGIST: (
        "Прострелило поясницу, не может встать",
        "Онемела левая рука с вечера, речь не нарушена",
        "Сильное головокружение при повороте головы",
        "После инсульта, нужна консультация по реабилитации",
    ),
    Specialization.OTOLARYNGOLOGIST: (
        "Сильная боль в ухе, температура 38",
        "Заложен нос неделю, болит лоб при наклоне",
        "Носовое кровотечение, остановили, боятся повторения",
    ),
    Specialization.SURGEON: (
        "Перевязка после операции, шов покраснел",
        "Нарыв на пальце, дёргает, не спал ночь",
        "Рана на пятке не заживает, нужна перевязка",
    ),
    Specialization.DERMATOLOGIST: (
        "Опоясывающая сыпь с пузырями, жжёт",
        "Сильный зуд и пятна на руках после уборки",
    ),
    Specialization.GASTROENTEROLOGIST: (
        "Боль под правым ребром после еды, горечь во рту",
        "Обострение гастрита, боли по ночам",
    ),
    Specialization.GYNECOLOGIST: (
        "Тянет низ живота со вчерашнего дня",
        "Консультация после выписки из стационара",
    ),
    Specialization.UROLOGIST: (
        "Замена катетера на дому",
        "Рези при мочеиспускании, температура 37,5",
    ),
    Specialization.OPHTHALMOLOGIST: (
        "Красный глаз, отделяемое, светобоязнь",
        "Резко хуже видит один глаз",
    ),
    Specialization.ORTHOPEDIST: (
        "Лодыжка опухла, наступать больно",
        "Болит колено, не сгибается, жидкость в суставе",
    ),
    Specialization.ENDOCRINOLOGIST: (
        "Сахар 18, диабет второго типа, слабость",
        "Подбор дозы инсулина на дому",
    ),
    Specialization.PSYCHIATRIST: (
        "Не спит трое суток, тревога, отказывается ехать в клинику",
        "Тревога усилилась, просят осмотр на дому",
    ),
}

CONCLUSIONS = (
    "Состояние удовлетворительное. Назначено лечение, даны рекомендации по питью и режиму.",
    "ОРВИ средней тяжести. Симптоматическая терапия, осмотр через три дня.",
    "Показаний к госпитализации нет. Контроль давления, коррекция терапии.",
    "Осмотр проведён, назначены анализы. Повторный визит по результатам.",
    "Лёгкие чистые, дыхание везикулярное. Обильное питьё, жаропонижающее при 38,5.",
    "Рекомендована консультация в клинике и обследование. Выдано направление.",
    "Выполнена перевязка, шов без признаков воспаления.",
)
DECLINES = (
    "Не успеваю: затянулся предыдущий вызов",
    "Сломалась машина",
    "Не мой профиль, нужен узкий специалист",
)
CANCELS = (
    "Стало лучше, врач не нужен",
    "Вызвали скорую",
    "Нашли врача в поликлинике",
)


def specialization(chance: random.Random) -> Specialization:
    """Draw what a call asks for."""
    return chance.choices(tuple(DEMAND), tuple(DEMAND.values()))[0]


def complaint(chance: random.Random, of: Specialization) -> str:
    """Draw what a caller says to such a doctor."""
    return chance.choice(COMPLAINTS[of])
