"""Checks of the house that `make lint` runs: migrations and catalogs."""

import ast
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alembic import command

from services import errors, migrations
from services.embedded_postgres import EmbeddedPostgres
from services.i18n import translated

ROOT = Path(__file__).resolve().parent.parent
SPOKEN = ("api", "backoffice", "services")
ERRORS = {name for name in vars(errors) if name[0].isupper()} - {"Any"}
CALLS = {"gettext", "_", "Lazy", "L", "ngettext"}
TEMPLATE_CALL = re.compile(
    r"""\b(?:_|gettext|ngettext)\(\s*(?P<q>["'])(?P<text>(?:\\.|(?!(?P=q)).)*)(?P=q)"""
)


def check_migrations() -> None:
    """Migrate an empty database and compare it with the models."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        with server:
            migrations.upgrade(server.url())
            command.check(migrations.config(server.url()))


def check_catalogs() -> list[str]:
    """Name every sentence of the source that Russian readers would see in English."""
    known = translated("ru")
    return [
        f"{place}: {text}"
        for place, text in sorted(set(sentences()))
        if text and text not in known
    ]


def sentences() -> Iterator[tuple[str, str]]:
    """Find every translatable sentence with the file it stands in."""
    for folder in SPOKEN:
        for path in sorted((ROOT / folder).rglob("*")):
            place = str(path.relative_to(ROOT))
            if path.suffix == ".py":
                for text in _in_python(path):
                    yield place, text
            elif path.suffix in {".html", ".js"}:
                for found in TEMPLATE_CALL.finditer(path.read_text()):
                    yield place, found["text"].replace("\\'", "'").replace('\\"', '"')


def _in_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            yield from _error_texts(node)
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            first = node.args[0]
            if name in CALLS | ERRORS and isinstance(first, ast.Constant):
                yield str(first.value)


def _error_texts(node: ast.ClassDef) -> Iterator[str]:
    """The sentence of an error: of a class that has a code as well."""
    lines = [ast.unparse(line) for line in node.body if isinstance(line, ast.Assign)]
    if not any(line.startswith("code") for line in lines):
        return
    for line in node.body:
        if (
            isinstance(line, ast.Assign)
            and getattr(line.targets[0], "id", "") == "text"
        ):
            value = line.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value
