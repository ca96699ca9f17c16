"""The texts of consents that the demo's people have agreed to."""

import uuid

from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from services import consents
from services.actor import Actor, Via
from services.consents import MEDICAL_DATA, PERSONAL_DATA, NewText

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
)


async def publish(session: AsyncSession, admin_id: uuid.UUID) -> None:
    """Publish the texts in the name of the demo's administrator."""
    for text in TEXTS:
        await consents.publish(session, Actor(admin_id, Role.ADMIN, Via.CONSOLE), text)
