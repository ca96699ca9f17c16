"""Which handler a pressed button or a text belongs to."""

from aiogram.filters import BaseFilter
from aiogram.types import TelegramObject

from api.telegram.turn import Turn
from models.role_grant import Role


class Known(BaseFilter):
    """Only people whose chat is linked."""

    async def __call__(self, _: TelegramObject, turn: Turn) -> bool:
        return turn.person is not None


class Pressed(BaseFilter):
    """One of these words on a button; `call`: whether it is about a call."""

    def __init__(self, *words: str, call: bool = True) -> None:
        self.words, self.call = frozenset(words), call

    async def __call__(self, _: TelegramObject, turn: Turn) -> bool:
        pressed = turn.pressed
        if pressed is None or pressed.word not in self.words:
            return False
        return (pressed.booking_id is not None) is self.call


class Doctor(BaseFilter):
    """Only doctors, by the roles they hold now."""

    async def __call__(self, _: TelegramObject, turn: Turn) -> bool:
        return turn.person is not None and Role.DOCTOR in turn.person.roles
