"""Files as attackers make them, and as honest people do; built here, byte by byte."""

import hashlib
import struct
import zlib
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pypdfium2 as pdfium
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

SCRIPT = b"<script>alert(document.cookie)</script>"
SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">'
    + SCRIPT
    + b"</svg>"
)
HTML = b"<!DOCTYPE html><html><body>" + SCRIPT + b"</body></html>"
XML = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
COMMENT = "Тайный комментарий".encode()


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **save: Any
) -> bytes:
    """Give an honest picture whose left half is dark."""
    made = Image.new(mode, size, 255 if mode in {"L", "1"} else "white")
    made.paste(0 if mode in {"L", "1"} else "navy", (0, 0, size[0] // 2, size[1]))
    target = BytesIO()
    made.save(target, kind, **save)
    return target.getvalue()


def photo_with_place() -> bytes:
    """Give a photo that tells where and by whom it was made, lying on its side."""
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif[Base.Make] = "SecretCamera"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = "N"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (55.0, 45.0, 20.0)
    return picture(exif=exif, comment=COMMENT, xmp=b"<x:xmpmeta>SecretXmp</x:xmpmeta>")


def chunk(name: bytes, data: bytes) -> bytes:
    """Give one chunk of a PNG."""
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def png_bomb(width: int, height: int) -> bytes:
    """Give a PNG of a few kilobytes that unpacks to `width` x `height` pixels."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )


def png_with_large_text() -> bytes:
    """Give a PNG whose comment unpacks to 80 MB."""
    whole = picture("PNG")
    text = b"Comment\x00\x00" + zlib.compress(bytes(80_000_000), 9)
    return whole[:33] + chunk(b"zTXt", text) + whole[33:]


def zip_bomb() -> bytes:
    """Give what calls itself a Word document and unpacks to 50 MB."""
    target = BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", bytes(50_000_000))
    return target.getvalue()


def pdf(
    pages: int = 1,
    *,
    catalog: str = "",
    page: str = "",
    trailer: str = "",
    box: str = "0 0 200 100",
    more: tuple[str, ...] = (),
) -> bytes:
    """Give a PDF of so many pages with a black bar; `more` are further objects."""
    bar = "0 0 0 rg 20 40 160 20 re f"
    bodies = [
        f"<</Type/Catalog/Pages 2 0 R {catalog}>>",
        f"<</Type/Pages/Count {pages}/Kids[{' '.join(f'{4 + n} 0 R' for n in range(pages))}]>>",
        f"<</Length {len(bar)}>>stream\n{bar}\nendstream",
        *[
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 3 0 R {page}>>"
            for _ in range(pages)
        ],
        *more,
    ]
    out, places = BytesIO(), []
    out.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    for number, body in enumerate(bodies, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode())
    start, size = out.tell(), len(bodies) + 1
    out.write(f"xref\n0 {size}\n0000000000 65535 f \n".encode())
    out.writelines(f"{place:010} 00000 n \n".encode() for place in places)
    out.write(f"trailer\n<</Size {size}/Root 1 0 R {trailer}>>\n".encode())
    out.write(f"startxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def active_pdf() -> bytes:
    """Give a PDF that runs a script when opened, links away and carries a file."""
    catalog = (
        "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"
        "/Names<</EmbeddedFiles<</Names[(evil.exe) 5 0 R]>>>>"
    )
    link = (
        "/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 200 100]"
        "/A<</S/URI/URI(http://evil.example/)>>>>]"
        "/AA<</O<</S/Launch/F(evil.exe)>>>>"
    )
    held = "<</Type/Filespec/F(evil.exe)/EF<</F 6 0 R>>>>"
    content = "<</Type/EmbeddedFile/Length 4>>stream\nMZ90\nendstream"
    return pdf(catalog=catalog, page=link, more=(held, content))


def locked_pdf(*, opens: bool) -> bytes:
    """Give an encrypted PDF; with an empty password anybody can open it."""
    # RC4, revision 2: the user's entry is checked against the file's id (PDF 1.7, 7.6.3).
    padding = bytes.fromhex(
        "28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A"
    )
    owner, permissions, name = bytes(32), -44, b"0123456789abcdef"
    word = padding if opens else (b"secret" + padding)[:32]
    seed = word + owner + struct.pack("<i", permissions) + name
    entry = rc4(hashlib.md5(seed).digest()[:5], padding)
    facts = (
        f"/ID[<{name.hex()}><{name.hex()}>]/Encrypt<</Filter/Standard/V 1/R 2"
        f"/O<{owner.hex()}>/U<{entry.hex()}>/P {permissions}>>"
    )
    return pdf(trailer=facts)


def rc4(key: bytes, data: bytes) -> bytes:
    """Encrypt as PDF 1.1 did."""
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def opened(content: bytes) -> Image.Image:
    """Open what the service made of a picture."""
    made = Image.open(BytesIO(content))
    made.load()
    return made


def is_dark(pixel: Any) -> bool:
    """Tell a dark pixel from a light one."""
    shades = pixel if isinstance(pixel, tuple) else (pixel,)
    return sum(shades[:3]) / len(shades[:3]) < 128


def drawn(content: bytes, page: int = 0) -> Image.Image:
    """Draw a page of what the service made of a document."""
    document = pdfium.PdfDocument(content)
    picture: Image.Image = document[page].render(scale=1).to_pil().convert("RGB")
    document.close()
    return picture
