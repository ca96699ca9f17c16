"""The texts of consents that the demo's people have agreed to."""

import uuid

from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from sandbox.cast import City
from services import consents
from services.actor import Actor, Via
from services.consents import MEDICAL_DATA, PERSONAL_DATA, NewText
from services.telegram_content import CONSENT as TELEGRAM

TEXTS = (
    NewText(
        kind=PERSONAL_DATA,
        version="1",
        text_ru=(
            "Я согласен на обработку моих персональных данных: имени, телефона,"
            " почты и адресов, чтобы служба приняла мой вызов и направила врача.\n"
            "Согласие действует, пока я не отзову его в приложении."
        ),
        text_en=(
            "I agree that my personal data (name, phone, e-mail and addresses) is"
            " handled so that the service can take my call and send a doctor.\n"
            "This holds until I withdraw it in the app."
        ),
    ),
    NewText(
        kind=MEDICAL_DATA,
        version="1",
        text_ru=(
            "Я согласен на обработку сведений о моём здоровье: жалоб, аллергий,"
            " хронических болезней и заключений врача, чтобы мне оказали помощь.\n"
            "Согласие действует, пока я не отзову его в приложении."
        ),
        text_en=(
            "I agree that facts about my health (complaints, allergies, conditions"
            " and the doctor's conclusions) are handled so that I can be treated.\n"
            "This holds until I withdraw it in the app."
        ),
    ),
    NewText(
        kind=TELEGRAM,
        version="1",
        text_ru=(
            "Я согласен на передачу через Telegram сведений о моём вызове: моего имени,"
            " жалоб, переписки с врачом и заключения. Серверы Telegram находятся за"
            " пределами России и принадлежат другой компании.\n"
            "Без этого согласия в Telegram приходят только номер вызова, район и время,"
            " остальное открывается по ссылке. Согласие действует, пока я не отзову его"
            " в приложении."
        ),
        text_en=(
            "I agree that facts about my call go through Telegram: my name, complaints,"
            " what the doctor and I write, and the conclusion. Telegram's servers stand"
            " abroad and belong to another company.\n"
            "Without this consent Telegram carries only the number of the call, the"
            " district and the time, and the rest opens by a link. This holds until I"
            " withdraw it in the app."
        ),
    ),
)
# Every so manieth patient has not agreed that Telegram carries anything.
RELUCTANT = 10


def agree(city: City) -> None:
    """Let the patients agree to Telegram, all but some."""
    text = next(each for each in TEXTS if each.kind == TELEGRAM)
    told = {
        "kind": text.kind,
        "version": text.version,
        "text_hash": consents.text_hash(text.text_ru, text.text_en),
        "client_address": "127.0.0.1",
    }
    own = {city.logins[name] for name in ("patient", "patient2")}
    emails = {row["id"]: row["email"] for row in city.rows["app_user"]}
    for place, row in enumerate(city.rows["patient_profile"], 1):
        if place % RELUCTANT or emails[row["user_id"]] in own:
            city.add("consent", user_id=row["user_id"], **told)


async def publish(session: AsyncSession, admin_id: uuid.UUID) -> None:
    """Publish the texts in the name of the demo's administrator."""
    for text in TEXTS:
        await consents.publish(session, Actor(admin_id, Role.ADMIN, Via.CONSOLE), text)
