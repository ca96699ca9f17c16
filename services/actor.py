"""Who acts: a person in one role on one surface."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from models.role_grant import Role

SYSTEM_ID = uuid.UUID(int=0)


class Via(StrEnum):
    """The surface that an act came through."""

    API = "api"
    CONSOLE = "console"
    BOT = "bot"
    JOB = "job"


@dataclass(frozen=True)
class Actor:
    """One person in the one role that the surface fixed.

    A REST patient route acts as patient, whatever else the person is.
    """

    user_id: uuid.UUID
    acting_as: Role
    via: Via


SYSTEM = Actor(SYSTEM_ID, Role.SYSTEM, Via.JOB)
