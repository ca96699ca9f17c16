"""Our scripts under an address that changes with them.

Modules import each other by bare names, so the version stands in the folder: a page
never runs half of one version and half of another, and browsers need not ask again.
"""

import hashlib
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
VERSIONED = "/static/v-"


@cache
def folder() -> str:
    """The folder of all static files as they are now."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*.js")):
        digest.update(path.read_bytes())
    return f"{VERSIONED}{digest.hexdigest()[:10]}"
