"""The stand-ins that take messages, for every test of a service."""

from tests.telling import bot, dead_ends, world  # noqa: F401
