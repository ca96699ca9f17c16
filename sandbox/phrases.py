"""What people write to each other about a call, stage by stage, in plain Russian.

Nobody's sex shows in it, so that anybody may say it.
"""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Exchange(NamedTuple):
    """Who begins, with what, and what the other side answers."""

    opener: str
    text: str
    reply: str

    def lines(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Both lines with their roles; before there is a doctor dispatchers answer."""
        other = {"patient": "doctor", "doctor": "patient", "caller": "dispatcher"}
        opener = "patient" if self.opener == "caller" else self.opener
        return (opener, self.text), (other[self.opener], self.reply)


def _said(opener: str, *pairs: tuple[str, str]) -> tuple[Exchange, ...]:
    return tuple(Exchange(opener, *pair) for pair in pairs)


STAGES: Mapping[str, Sequence[Exchange]] = {
    "pending": _said(
        "caller",
        (
            "Здравствуйте! Сколько примерно ждать врача?",
            "Добрый день! Подбираем ближайшего врача, напишем, как только он возьмёт вызов.",
        ),
        (
            "Добрый день. Можно ли врача с опытом работы с пожилыми?",
            "Здравствуйте! Передадим пожелание, по возможности учтём.",
        ),
        (
            "Подскажите, нужен ли полис?",
            "Полис не нужен, достаточно паспорта. Если есть прошлые выписки, подготовьте их.",
        ),
        (
            "Въезд во двор только с улицы, шлагбаум. Звоните, открою.",
            "Спасибо, записали для врача.",
        ),
        (
            "Если температура поднимется ещё, что делать до приезда?",
            "Если станет заметно хуже, сразу звоните 103 и напишите нам. Врача уже ищем.",
        ),
    ),
    "accepted": (
        *_said(
            "doctor",
            (
                "Здравствуйте! Вызов у меня, скоро выезжаю. Подготовьте, пожалуйста, документы и список лекарств.",
                "Хорошо, всё подготовим. Спасибо!",
            ),
            (
                "Добрый день! Приеду к вам сегодня. Есть ли аллергия на лекарства?",
                "Здравствуйте! Аллергии вроде бы нет, всё указано в анкете.",
            ),
            (
                "Здравствуйте! Какая сейчас температура?",
                "Сейчас 38,2, час назад было 38,6.",
            ),
        ),
        *_said(
            "patient",
            (
                "Здравствуйте! Вы к нам во сколько примерно?",
                "Добрый день! Заканчиваю предыдущий вызов и сразу к вам.",
            ),
            (
                "Можно до приезда дать жаропонижающее?",
                "Если выше 38,5 — можно, в обычной дозе. Запишите, когда дали.",
            ),
        ),
    ),
    "en_route": (
        *_said(
            "patient",
            (
                "Домофон не работает, позвоните снизу, пожалуйста.",
                "Хорошо, позвоню от подъезда.",
            ),
            (
                "Вход со двора, второй подъезд от арки.",
                "Понятно, спасибо, найду.",
            ),
            (
                "У нас собака, закроем её в комнате.",
                "Спасибо, что предупредили!",
            ),
            (
                "Парковаться лучше у магазина, во дворе тесно.",
                "Спасибо, так и сделаю.",
            ),
        ),
        *_said(
            "doctor",
            (
                "Выезжаю к вам. На дороге плотно, возможны 10 минут задержки.",
                "Ничего страшного, ждём вас.",
            ),
            (
                "Подъезжаю, встретьте, пожалуйста, у двери.",
                "Уже открываем!",
            ),
        ),
    ),
    "in_progress": (
        *_said(
            "doctor",
            (
                "Пришлите сюда, пожалуйста, снимок прошлой выписки, чтобы не переписывать.",
                "Сейчас пришлю.",
            ),
            (
                "Запишу назначения в заключение, они будут в приложении.",
                "Хорошо, спасибо.",
            ),
        ),
    ),
    "completed": _said(
        "patient",
        (
            "Спасибо большое за визит!",
            "Пожалуйста, выздоравливайте! Если что-то изменится, напишите.",
        ),
        (
            "Забыли спросить: лекарство до еды или после?",
            "После еды, три раза в день, запивать водой.",
        ),
        (
            "Спасибо! Температура уже снизилась.",
            "Отлично. Пейте больше воды и отдыхайте.",
        ),
        (
            "Когда можно будет гулять?",
            "Дня через три без температуры, недолго и по погоде.",
        ),
    ),
}
# The step that begins a stage, where the past is told by its steps.
STAGE_OF: Mapping[str, str] = {
    "create": "pending",
    "accept": "accepted",
    "depart": "en_route",
    "start": "in_progress",
    "complete": "completed",
}
TO_DISPATCHER = (
    ("Диспетчер, уточните, пожалуйста, подъезд.", "Уточним и напишем сюда."),
    (
        "Дверь не открывают, свяжитесь с пациентом.",
        "Звоним пациенту, подождите минуту.",
    ),
    (
        "Задерживаюсь на предыдущем адресе минут на десять.",
        "Поняли, пациента предупредим.",
    ),
)
# Each opening line → who answers it, and with what.
REPLIES: Mapping[str, tuple[str, str]] = {
    **{each.text: each.lines()[1] for stage in STAGES.values() for each in stage},
    **{text: ("dispatcher", answer) for text, answer in TO_DISPATCHER},
}
ANSWERS = frozenset(answer for _, answer in REPLIES.values())
ASKS_DISPATCHER = 0.1
USUAL = {
    "doctor": "Понимаю, спасибо. Обсудим на месте.",
    "patient": "Хорошо, спасибо!",
    "dispatcher": "Здравствуйте! Сообщение видим, поможем.",
}
PICTURE = "Вот снимок"


def opening(chance: random.Random, stage: str, role: str) -> str | None:
    """Draw what this role begins a talk with at this stage, if it does at all."""
    mine = [each.text for each in STAGES.get(stage, ()) if each.lines()[0][0] == role]
    if role == "doctor" and stage == "en_route" and chance.random() < ASKS_DISPATCHER:
        mine = [text for text, _ in TO_DISPATCHER]
    return chance.choice(mine) if mine else None


def reply(text: str, role: str) -> str | None:
    """What this role answers; None to an answer and to what asks somebody else."""
    if text in REPLIES:
        asked, answer = REPLIES[text]
        return answer if asked == role else None
    known = text in ANSWERS or text in USUAL.values() or text.startswith(PICTURE)
    return None if known or not text else USUAL[role]


def asked_in(text: str, role: str) -> str | None:
    """The opening line that a longer text of the bot carries to this role, if any."""
    return next(
        (
            line
            for line, (asked, _) in REPLIES.items()
            if asked == role and line in text
        ),
        None,
    )
