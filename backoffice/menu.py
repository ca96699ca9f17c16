"""The menu, top to bottom. A page is part of the console once it stands here."""

from typing import Any

from backoffice.preferences import Preferences

VIEWS: tuple[type[Any], ...] = (Preferences,)
