"""What a file is called when it is shown and saved, and the headers it leaves with."""

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

LONGEST = 100
NAMELESS = "document"
EXTENSIONS: Mapping[str, str] = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "application/pdf": ".pdf",
}
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.I | re.S)
_UNWANTED = frozenset("<>:\"|?*;%'`$&\\/")
_EXTENSION = re.compile(r"\.[0-9A-Za-z]{1,5}$")
# Nothing in it runs, loads or submits, even where somebody opens it in a tab.
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"


def cleaned(claimed: str, media_type: str) -> str:
    """Make a name to show: one part, no controls, the extension of the true type."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", claimed))[-1]
    # Control, format, surrogate, private and unassigned characters all begin with C.
    seen = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    stem = _EXTENSION.sub("", "".join("_" if c in _UNWANTED else c for c in seen))
    stem = " ".join(stem.split()).strip(". ")[:LONGEST].strip(". ")
    if _RESERVED.fullmatch(stem):
        stem = f"_{stem}"
    return (stem or NAMELESS) + EXTENSIONS[media_type]


def disposition(name: str) -> str:
    """Spell the name for a header (RFC 6266): plain letters first, then all of it."""
    plain = "".join(c if c.isascii() and c.isprintable() else "_" for c in name)
    plain = re.sub(r'["\\%]', "_", plain)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def download_headers(name: str) -> dict[str, str]:
    """Give the headers of every file that leaves the house: saved, never opened."""
    return {
        "Content-Disposition": disposition(name),
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
