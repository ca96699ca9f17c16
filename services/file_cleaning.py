"""Opens files of strangers, alone in a short-lived process with little to lose.

Run by services/files.py as a program, without the environment: a job as JSON in the
first argument, the file on the standard input; a line of JSON and the clean file on
the standard output. It imports nothing of ours, for it is started by its path.
"""

import json
import resource
import sys
import warnings
from collections.abc import Mapping
from io import BytesIO
from typing import Any, BinaryIO

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from PIL import Image, ImageOps

LONGEST_SIDE = 4000
LARGEST_PNG = 5_000_000
PAGE_SIDE, PAGE_SCALE = 2400, 200 / 72
QUALITY = 88


class Refused(Exception):
    """The file is not taken; the code says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def run(job: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Do one job; whatever a decoder raises means that the file is broken."""
    work = {"picture": clean_picture, "document": clean_document, "page": draw_page}
    try:
        return work[job["work"]](job, data)
    except Refused as refusal:
        return {"refused": refusal.code}, b""
    except MemoryError:
        return {"refused": "heavy"}, b""
    except Exception:  # noqa: BLE001 - decoders of hostile bytes raise anything
        return {"refused": "broken"}, b""


def clean_picture(job: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Decode a picture and write it anew: only its pixels survive."""
    # The format is the one that the first bytes named; no other decoder is tried.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = job["most_pixels"]
    try:
        picture = Image.open(BytesIO(data), formats=(job["format"],))
    except Image.DecompressionBombError:
        raise Refused("pixels") from None
    width, height = picture.size
    if width * height > job["most_pixels"] or max(width, height) > job["most_side"]:
        raise Refused("pixels")
    return _encoded(_plain(_upright(picture)), job["format"])


def _upright(picture: Image.Image) -> Image.Image:
    """Give it no more than the size that a screen can use, the right way up."""
    if picture.mode.startswith("I"):
        # 16 bits for a shade: the upper ones are what a screen can show.
        deep = picture.convert("I")
        picture = deep.point(lambda shade: shade * (1 / 256)).convert("L")
    elif picture.mode in {"1", "P", "PA"}:
        picture = picture.convert("RGBA")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), reducing_gap=2.0)
    return ImageOps.exif_transpose(picture)


def _plain(picture: Image.Image) -> Image.Image:
    """Copy the pixels alone, onto white; a copy of the object would keep comments."""
    mode = "L" if picture.mode == "L" else "RGB"
    plain = Image.new(mode, picture.size, "white")
    if "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        plain.paste(layer.convert(mode), mask=layer.getchannel("A"))
    else:
        plain.paste(picture.convert(mode))
    return plain


def _encoded(plain: Image.Image, source: str) -> tuple[dict[str, Any], bytes]:
    if source == "PNG":
        content = _saved(plain, "PNG")
        if len(content) <= LARGEST_PNG:
            return {"media_type": "image/png", "pages": 1}, content
    return {"media_type": "image/jpeg", "pages": 1}, _saved(plain, "JPEG")


def _saved(plain: Image.Image, kind: str) -> bytes:
    target = BytesIO()
    plain.save(target, kind, quality=QUALITY)
    return target.getvalue()


def clean_document(job: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Draw each page and bind the pictures: scripts, links and layers are gone."""
    source = _opened(data)
    # Stamps of signatures are form fields, which are drawn once this is called.
    source.init_forms()
    pages = len(source)
    if not 1 <= pages <= job["most_pages"]:
        raise Refused("pages")
    flat = pdfium.PdfDocument.new()
    for page in source:
        _bind(flat, *_drawn(page))
    target = BytesIO()
    flat.save(target)
    return {"media_type": "application/pdf", "pages": pages}, target.getvalue()


def _opened(data: bytes) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        locked = error.err_code == pdfium_c.FPDF_ERR_PASSWORD
        raise Refused("encrypted" if locked else "broken") from None
    if pdfium_c.FPDF_GetSecurityHandlerRevision(document) != -1:
        raise Refused("encrypted")
    return document


def _drawn(page: pdfium.PdfPage) -> tuple[float, float, bytes]:
    width, height = page.get_size()
    scale = min(PAGE_SCALE, PAGE_SIDE / max(width, height))
    picture = page.render(scale=scale).to_pil().convert("RGB")
    page.close()
    return width, height, _saved(picture, "JPEG")


def _bind(flat: pdfium.PdfDocument, width: float, height: float, jpeg: bytes) -> None:
    image = pdfium.PdfImage.new(flat)
    image.load_jpeg(BytesIO(jpeg), inline=True)
    image.set_matrix(pdfium.PdfMatrix().scale(width, height))
    page = flat.new_page(width, height)
    page.insert_obj(image)
    page.gen_content()
    page.close()


def draw_page(job: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Draw one page of a document that was cleaned before."""
    _, _, jpeg = _drawn(_opened(data)[job["page"] - 1])
    return {"media_type": "image/jpeg", "pages": 1}, jpeg


def confine(limits: Mapping[str, int]) -> None:
    """Take memory, time and files away for good, before a byte is looked at."""
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, name), (most, most))


def main(argument: str, source: BinaryIO, target: BinaryIO) -> None:
    """Do the one job of this process."""
    job = json.loads(argument)
    confine(job["limits"])
    told, content = run(job, source.read())
    target.write(json.dumps(told).encode() + b"\n")
    target.write(content)
    target.flush()


if __name__ == "__main__":  # pragma: no cover - a process of its own
    main(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
