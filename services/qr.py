"""QR codes as SVG: one path with attributes only, so that a strict policy holds."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

QUIET_ZONE = 4


def svg(text: str, title: str) -> str:
    """Draw a text as a QR code; `title` is for those who do not see it."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(text)
    matrix = code.get_matrix()
    size = len(matrix)
    path = "".join(part for line, row in enumerate(matrix) for part in _line(line, row))
    return (
        f'<svg class="qr" xmlns="http://www.w3.org/2000/svg" role="img"'
        f' viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{size}" height="{size}" fill="#fff"/>'
        f'<path fill="#000" d="{path}"/></svg>'
    )


def _line(line: int, row: Sequence[bool]) -> Iterator[str]:
    """Join neighbouring dark modules to one rectangle."""
    column = 0
    for dark, run in groupby(row):
        length = len(list(run))
        if dark:
            yield f"M{column} {line}h{length}v1h-{length}z"
        column += length
