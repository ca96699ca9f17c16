"""Hostile files, attack by attack (A44-A47), through the real separate process."""

import asyncio
import resource
import stat
import struct
import time
import warnings
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from services import file_cleaning, file_names, files
from services.config import Settings
from services.errors import FileRefused, NotFound, TooLarge, Unavailable
from services.files import StoredFile
from services.i18n import use_locale
from tests import hostile


async def refusal(data: bytes, name: str = "photo.jpg") -> str:
    with pytest.raises(FileRefused) as caught:
        await files.take(data, name)
    assert [each["field"] for each in caught.value.facts["errors"]] == ["file"]
    return caught.value.reason


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    """Files lie in the folder of the tests."""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_an_honest_picture_is_taken_and_written_anew(kind: str) -> None:
    taken = await files.take(hostile.picture(kind), "скан.bin")
    png = kind == "PNG"
    assert taken.media_type == ("image/png" if png else "image/jpeg")
    assert taken.file_name == ("скан.png" if png else "скан.jpg")
    made = hostile.opened(taken.content)
    assert (made.format, made.size) == ("PNG" if png else "JPEG", (60, 40))
    assert hostile.is_dark(made.getpixel((10, 20)))
    assert not hostile.is_dark(made.getpixel((50, 20)))
    assert taken.size_bytes == len(taken.content)
    assert taken.pages == 1


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *[("PNG", mode) for mode in ("1", "L", "P", "RGBA", "LA")],
        *[("JPEG", mode) for mode in ("L", "CMYK")],
        ("WEBP", "RGBA"),
    ],
)
async def test_pictures_of_every_kind_keep_what_they_show(kind: str, mode: str) -> None:
    base = Image.open(BytesIO(hostile.picture("PNG")))
    target = BytesIO()
    base.convert(mode, dither=Image.Dither.NONE).save(target, kind)
    taken = await files.take(target.getvalue(), "x")
    made = hostile.opened(taken.content)
    assert made.mode in {"L", "RGB"}
    assert hostile.is_dark(made.getpixel((10, 20)))
    assert not hostile.is_dark(made.getpixel((50, 20)))


async def test_16_bits_for_a_shade_become_8() -> None:
    row = struct.pack("<60H", *[2_000] * 30, *[60_000] * 30)
    deep = Image.frombytes("I;16", (60, 40), row * 40)
    target = BytesIO()
    deep.save(target, "PNG")
    made = hostile.opened((await files.take(target.getvalue(), "x")).content)
    assert hostile.is_dark(made.getpixel((10, 20)))
    assert not hostile.is_dark(made.getpixel((50, 20)))


async def test_what_is_transparent_becomes_white() -> None:
    target = BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(target, "PNG")
    made = hostile.opened((await files.take(target.getvalue(), "x")).content)
    assert made.getpixel((4, 4)) == (255, 255, 255)


# A44: what is no picture and no document, and what is two things at once.


@pytest.mark.parametrize(
    "data",
    [hostile.SVG, hostile.HTML, hostile.XML, b"GIF89a" + bytes(50), b"MZ" + bytes(99)],
    ids=["svg", "html", "xml", "gif", "exe"],
)
@pytest.mark.parametrize("name", ["photo.jpg", "scan.pdf"])
async def test_a44_svg_html_and_xml_are_refused_whatever_they_are_called(
    data: bytes, name: str
) -> None:
    assert await refusal(data, name) == "unknown"


async def test_a44_a_header_of_a_jpeg_before_a_script_is_no_picture() -> None:
    assert await refusal(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(99)) == "broken"
    assert await refusal(b"\xff\xd8\xff\xe0" + hostile.SCRIPT) == "two_faces"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("evil", [hostile.SCRIPT, hostile.HTML, b"%PDF-1.7\n"])
async def test_a44_a_true_picture_that_is_a_page_too_is_refused(
    kind: str, evil: bytes
) -> None:
    assert await refusal(hostile.picture(kind) + evil) == "two_faces"


async def test_a44_a_script_in_a_comment_of_a_picture_is_refused() -> None:
    assert await refusal(hostile.picture(comment=hostile.SCRIPT)) == "two_faces"


async def test_a44_an_archive_behind_a_picture_does_not_survive() -> None:
    taken = await files.take(hostile.picture() + hostile.zip_bomb(), "x.jpg")
    assert b"PK\x03\x04" not in taken.content
    assert b"word/document.xml" not in taken.content


async def test_a44_a_pdf_that_is_a_page_too_is_refused() -> None:
    whole = hostile.pdf()
    assert await refusal(hostile.HTML + whole) == "unknown"
    assert await refusal(whole + hostile.HTML) == "broken"
    inside = whole.replace(b"%\xe2\xe3\xcf\xd3", b"%" + hostile.SCRIPT)
    assert await refusal(inside) == "two_faces"


async def test_a44_scripts_links_and_files_of_a_pdf_do_not_survive() -> None:
    evil = hostile.active_pdf()
    words = (b"JavaScript", b"evil", b"/URI", b"/Launch", b"/Annots", b"EmbeddedFile")
    assert all(word in evil for word in words)
    taken = await files.take(evil, "diploma.pdf")
    assert [word for word in words if word in taken.content] == []
    assert b"/OpenAction" not in taken.content
    shown = hostile.drawn(taken.content)
    assert hostile.is_dark(shown.getpixel((100, 50)))
    assert not hostile.is_dark(shown.getpixel((100, 10)))


async def test_a_pdf_keeps_its_pages_and_their_size() -> None:
    taken = await files.take(hostile.pdf(3, box="0 0 595 842"), "x.pdf")
    assert (taken.pages, taken.media_type) == (3, "application/pdf")
    assert hostile.drawn(taken.content, 2).size == (595, 842)


@pytest.mark.parametrize("opens", [True, False])
async def test_a_pdf_under_a_password_is_refused(opens: bool) -> None:
    assert await refusal(hostile.locked_pdf(opens=opens), "x.pdf") == "encrypted"


@pytest.mark.parametrize(
    "data",
    [
        hostile.pdf()[1:],
        b" " + hostile.pdf(),
        hostile.pdf().replace(b"%PDF-1.7", b"%PDF-9.9"),
    ],
)
async def test_a_pdf_begins_with_its_header(data: bytes) -> None:
    assert await refusal(data) == "unknown"


async def test_a_pdf_without_pages_is_refused() -> None:
    assert await refusal(hostile.pdf(0)) == "broken"


async def test_heic_gets_a_hint() -> None:
    data = b"\x00\x00\x00\x18ftypheic" + bytes(100)
    with use_locale("ru"), pytest.raises(FileRefused) as caught:
        await files.take(data, "IMG_0001.HEIC")
    assert "JPEG" in caught.value.facts["errors"][0]["message"]
    assert caught.value.reason == "heic"


# A45: bombs meet limits before anything is unpacked.


async def test_a45_a_png_of_60000_by_60000_is_refused_unopened() -> None:
    bomb = hostile.png_bomb(60_000, 60_000)
    assert len(bomb) < 1_000_000
    began = time.perf_counter()
    assert await refusal(bomb) == "pixels"
    assert time.perf_counter() - began < 5


async def test_a45_a_zip_bomb_that_calls_itself_a_document_is_refused() -> None:
    bomb = hostile.zip_bomb()
    assert len(bomb) < 60_000
    assert await refusal(bomb, "diploma.docx") == "unknown"


async def test_a45_a_comment_that_unpacks_to_80_megabytes_is_refused() -> None:
    assert await refusal(hostile.png_with_large_text()) == "broken"


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        ((10_000, 5_000), True),
        ((10_000, 5_001), False),
        ((20_000, 8), True),
        ((20_001, 8), False),
        ((8, 20_001), False),
    ],
)
async def test_a45_the_limit_of_pixels_is_exact(
    size: tuple[int, int], fits: bool
) -> None:
    bomb = hostile.png_bomb(*size)
    if fits:
        made = hostile.opened((await files.take(bomb, "x")).content)
        assert max(made.size) <= file_cleaning.LONGEST_SIDE
    else:
        assert await refusal(bomb) == "pixels"


@pytest.mark.parametrize(("pages", "fits"), [(20, True), (21, False)])
async def test_a45_the_limit_of_pages_is_exact(pages: int, fits: bool) -> None:
    if fits:
        assert (await files.take(hostile.pdf(pages), "x")).pages == pages
    else:
        assert await refusal(hostile.pdf(pages)) == "pages"


async def test_a45_the_limit_of_bytes_is_exact(settings: Settings) -> None:
    whole = hostile.picture()
    largest = whole + bytes(settings.max_upload_bytes - len(whole))
    assert (await files.take(largest, "x")).size_bytes < 5_000
    with pytest.raises(TooLarge):
        await files.take(largest + b"\x00", "x")


async def test_a45_a_page_of_a_square_kilometre_is_drawn_small() -> None:
    taken = await files.take(hostile.pdf(box="0 0 14400 14400"), "x")
    assert taken.size_bytes < 500_000
    stored = StoredFile("x.pdf", taken.media_type, taken.pages, taken.content)
    page = hostile.opened((await files.preview(stored, 1)).content)
    assert max(page.size) <= file_cleaning.PAGE_SIDE + 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "PDF"])
@pytest.mark.parametrize("part", [0.5, 0.9, 0.99])
async def test_a45_truncated_files_are_refused(kind: str, part: float) -> None:
    noise = Image.effect_noise((200, 200), 80).convert("RGB")
    target = BytesIO()
    noise.save(target, kind)
    whole = target.getvalue()
    assert await refusal(whole[: int(len(whole) * part)]) == "broken"


async def test_an_empty_file_is_refused() -> None:
    assert await refusal(b"") == "empty"


def apart(seconds: float = 30, **limits: int) -> str:
    """Run a job that is honest but for the limits."""
    job = {"work": "picture", "format": "PNG", "most_pixels": 10**9, "most_side": 10**6}
    bomb = hostile.png_bomb(20_000, 20_000)
    told, content = files.run_apart(job, bomb, {**files.LIMITS, **limits}, seconds)
    assert content == b""
    refused: str = told["refused"]
    return refused


def test_the_process_apart_has_little_memory_and_time() -> None:
    assert apart(RLIMIT_AS=300_000_000) == "heavy"
    assert apart(RLIMIT_CPU=1) == "heavy"
    assert apart(seconds=0.3) == "heavy"


def test_the_process_apart_cannot_fill_the_disk() -> None:
    job = {"work": "picture", "format": "PNG", "most_pixels": 10**6, "most_side": 10**4}
    limits = {**files.LIMITS, "RLIMIT_FSIZE": 10}
    assert files.run_apart(job, hostile.picture("PNG"), limits)[0] == {
        "refused": "heavy"
    }


def test_the_process_apart_knows_none_of_our_secrets(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    spy = "import json,os,sys; print(json.dumps(dict(os.environ))); sys.exit(0)"
    program = settings.data_dir / "spy.py"
    program.write_text(spy)
    monkeypatch.setattr(files, "PROGRAM", program)
    monkeypatch.setenv("TOT_SECRET_KEY", "s" * 40)
    told, _ = files.run_apart({}, b"")
    assert "TOT_SECRET_KEY" not in told
    assert "DATABASE_URL" not in told


# A46: nothing that tells where, when or by whom.


async def test_a46_the_place_and_comments_of_a_photo_are_gone() -> None:
    evil = hostile.photo_with_place()
    secrets = (b"SecretCamera", b"SecretXmp", hostile.COMMENT, b"Exif")
    assert all(secret in evil for secret in secrets)
    taken = await files.take(evil, "me.jpg")
    assert [secret for secret in secrets if secret in taken.content] == []
    made = hostile.opened(taken.content)
    assert dict(made.getexif()) == {}
    assert not {"exif", "comment", "xmp", "icc_profile"} & set(made.info)


async def test_a46_the_picture_stands_upright_once_its_note_on_that_is_gone() -> None:
    made = hostile.opened((await files.take(hostile.photo_with_place(), "x")).content)
    # Turned by a quarter: what was the left half is above.
    assert made.size == (40, 60)
    assert hostile.is_dark(made.getpixel((20, 10)))
    assert not hostile.is_dark(made.getpixel((20, 50)))


async def test_a46_texts_in_a_png_are_gone() -> None:
    evil = hostile.picture("PNG")
    evil = evil[:33] + hostile.chunk(b"tEXt", b"Author\x00SecretName") + evil[33:]
    assert b"SecretName" not in (await files.take(evil, "x")).content


# A47: names are for showing only.


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [
        ("../../etc/passwd", "passwd.pdf"),
        ("..\\..\\windows\\system32\\a.dll", "a.pdf"),
        ("..%2f..%2fetc%2fpasswd", "_2f.._2fetc_2fpasswd.pdf"),
        ("/absolute/path.pdf", "path.pdf"),
        ("nul\x00byte.pdf", "nulbyte.pdf"),
        ("CON", "_CON.pdf"),
        ("con.txt.pdf", "_con.txt.pdf"),
        ("LPT1.pdf", "_LPT1.pdf"),
        ("", "document.pdf"),
        ("...", "document.pdf"),
        ("диплом.PDF", "диплом.pdf"),
        ("a\r\nSet-Cookie: x=1.pdf", "aSet-Cookie_ x=1.pdf"),
        ('a"; filename="b.html', "a__ filename=_b.pdf"),
        ("\u202efdp.exe", "fdp.pdf"),
        ("virus.pdf.exe", "virus.pdf.pdf"),
        ("x" * 500, "x" * 100 + ".pdf"),
        ("и\u0306.pdf", "й.pdf"),
    ],
)
def test_a47_names_lead_nowhere(claimed: str, shown: str) -> None:
    assert file_names.cleaned(claimed, "application/pdf") == shown


@pytest.mark.parametrize(
    "name", ['a"b\\c.pdf', "диплом 1.pdf", "a\r\nX: y.pdf", "100%.pdf", "plain.pdf"]
)
def test_a47_a_header_with_a_name_stays_one_header(name: str) -> None:
    header = file_names.disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.startswith('attachment; filename="')
    assert header.count('"') == 2
    assert "\\" not in header


@pytest.mark.parametrize(
    "name",
    ["", "x", "../" + "a" * 45, "/etc/passwd", "A" * 48, "a" * 49, "a" * 47 + "\n"],
)
async def test_a47_only_names_of_ours_have_a_place(name: str) -> None:
    for deed in (files.open_file, files.remove):
        with pytest.raises(NotFound):
            await deed(name)


async def test_a47_nobody_can_lay_a_link_where_a_file_is_to_lie(tmp_path: Path) -> None:
    taken = await files.take(hostile.picture(), "x")
    place = files.path_of(taken.storage_name)
    place.parent.mkdir(parents=True, exist_ok=True)
    target = tmp_path / "theirs"
    place.symlink_to(target)
    with pytest.raises(FileExistsError):
        await files.keep(taken)
    assert not target.exists()
    place.unlink()


async def test_kept_files_are_ours_alone_and_said_to_be_so(settings: Settings) -> None:
    taken = await files.take(hostile.picture(), "x")
    await files.keep(taken)
    place = files.path_of(taken.storage_name)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert place.is_relative_to(settings.files_dir)
    assert await files.open_file(taken.storage_name) == taken.content
    await files.remove(taken.storage_name)
    await files.remove(taken.storage_name)
    for gone in (taken.storage_name, None):
        with pytest.raises(NotFound):
            await files.open_file(gone)


async def test_pages_are_drawn_and_others_do_not_exist() -> None:
    taken = await files.take(hostile.pdf(2), "x")
    stored = StoredFile("x.pdf", taken.media_type, taken.pages, taken.content)
    for page in (1, 2):
        drawn = await files.preview(stored, page)
        assert drawn.media_type == "image/jpeg"
        assert hostile.opened(drawn.content).size[0] > 500
    for page in (0, 3, -1):
        with pytest.raises(NotFound):
            await files.preview(stored, page)
    photo = StoredFile("x.png", "image/png", 1, b"as it is")
    assert (await files.preview(photo, 1)).content == b"as it is"


async def test_two_files_at_a_time_are_opened_and_the_others_wait() -> None:
    whole = hostile.picture()
    taken = await asyncio.gather(*[files.take(whole, "x") for _ in range(6)])
    assert len({each.storage_name for each in taken}) == 6
    assert len({each.sha256 for each in taken}) == 1


async def test_who_finds_a_long_line_is_asked_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "MOST_IN_LINE", 3)
    whole = hostile.picture()
    tries = [files.take(whole, "x") for _ in range(5)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(each) for each in done].count(Unavailable) == 2
    # The line empties, also behind those whose files were refused.
    assert await refusal(whole[:-9] + b"x") == "broken"
    assert (await files.take(whole, "x")).pages == 1
    assert not files._line


# The program itself, in this process, where its every line can be watched.


def run(work: str, data: bytes, **job: object) -> tuple[dict[str, object], bytes]:
    limits = {"most_pixels": 5_000, "most_side": 100, "most_pages": 2}
    usual = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        told = file_cleaning.run({"work": work, **limits, **job}, data)
    Image.MAX_IMAGE_PIXELS = usual
    return told


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((100, 50), None),
        ((100, 51), "pixels"),
        ((101, 1), "pixels"),
        ((200, 200), "pixels"),
    ],
)
def test_the_program_measures_before_it_opens(
    size: tuple[int, int], told: str | None
) -> None:
    answer, content = run("picture", hostile.picture(size=size), format="JPEG")
    assert answer.get("refused") == told
    assert bool(content) is (told is None)


def test_the_program_tries_no_decoder_but_the_one_that_was_named() -> None:
    answer, _ = run("picture", hostile.picture("PNG"), format="JPEG")
    assert answer == {"refused": "broken"}


def test_the_program_draws_and_binds() -> None:
    answer, content = run("document", hostile.pdf(2))
    assert answer == {"media_type": "application/pdf", "pages": 2}
    answer, jpeg = run("page", content, page=2)
    assert answer == {"media_type": "image/jpeg", "pages": 1}
    assert hostile.opened(jpeg).format == "JPEG"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (hostile.pdf(3), "pages"),
        (hostile.pdf(0), "broken"),
        (hostile.locked_pdf(opens=True), "encrypted"),
        (hostile.locked_pdf(opens=False), "encrypted"),
        (b"%PDF-1.7\nnothing", "broken"),
    ],
)
def test_the_program_says_why_it_refuses_a_document(data: bytes, told: str) -> None:
    assert run("document", data)[0] == {"refused": told}


def test_the_program_keeps_a_large_png_as_a_jpeg(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_cleaning, "LARGEST_PNG", 10)
    answer, content = run("picture", hostile.picture("PNG"), format="PNG")
    assert answer["media_type"] == "image/jpeg"
    assert hostile.opened(content).format == "JPEG"


@pytest.mark.parametrize("mode", ["1", "P", "I;16", "RGBA", "L"])
def test_the_program_flattens_every_mode(mode: str) -> None:
    target = BytesIO()
    Image.new(mode, (4, 4)).save(target, "PNG")
    answer, content = run("picture", target.getvalue(), format="PNG")
    assert answer["media_type"] == "image/png"
    assert hostile.opened(content).mode in {"L", "RGB"}


def test_the_program_calls_want_of_memory_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(file_cleaning, "clean_document", starve)
    assert run("document", b"")[0] == {"refused": "heavy"}


def test_the_program_takes_its_limits_and_answers_in_one_line() -> None:
    now = resource.getrlimit(resource.RLIMIT_CORE)[1]
    argument = f'{{"work": "page", "page": 9, "limits": {{"RLIMIT_CORE": {now}}}}}'
    answer = BytesIO()
    file_cleaning.main(argument, BytesIO(b"x"), answer)
    assert answer.getvalue() == b'{"refused": "broken"}\n'
    assert resource.getrlimit(resource.RLIMIT_CORE) == (now, now)
