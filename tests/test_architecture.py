"""The shape of the house, kept by tests."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[1]
SURFACES = ("api", "backoffice")
FLOORS = (*SURFACES, "services", "models")
LONGEST_FILE, LONGEST_FUNCTION = 300, 45

# Where transactions end. Each is an edge: nothing above it, services below it.
EDGES = {"services/edges.py", "api/deps.py", "services/worker.py"}
# PostgreSQL's own administration and tools that run outside any request.
PROGRAMS = {"services/embedded_postgres.py", "backoffice/checks.py"}
# Fills an empty demo database, by COPY.
BULK = {
    "sandbox/loading.py",
    "sandbox/past_money.py",
    "sandbox/past_notices.py",
    "sandbox/past_talk.py",
}
# The book has one writer; the nightly sums beside it are no part of it.
LEDGER_WRITERS = {"services/ledger.py", "services/ledger_snapshots.py"}
# Wall clocks: tokens carry the time of the process that signs them, ids carry
# milliseconds, and waiting loops use a monotonic clock. Rows get app_now().
CLOCK_READERS = {"services/tokens.py", "models/base.py"}


def sources(*folders: str) -> Iterator[tuple[str, ast.Module, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            yield str(path.relative_to(ROOT)), ast.parse(text), text


def calls(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Each method call: its line, the object's last name, and the method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            holder = node.func.value
            name = getattr(holder, "id", None) or getattr(holder, "attr", "")
            yield node.lineno, str(name), node.func.attr


def test_the_layers_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run(
        [str(program)], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert told.returncode == 0, told.stdout


def test_only_edges_end_transactions() -> None:
    found = [
        f"{place}:{line}"
        for place, tree, _ in sources(*FLOORS)
        if place not in EDGES | PROGRAMS
        for line, _, method in calls(tree)
        if method in {"commit", "rollback"}
    ]
    assert found == []


WRITES = {"insert", "update", "delete"}
SQL_WRITE = re.compile(r"\s*(INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\s", re.I)


def writes(node: ast.AST) -> Iterator[str]:
    """What in this node would change a row past the services."""
    match node:
        case ast.ImportFrom(module=str(module), names=names):
            if module.split(".")[0] in {"sqlalchemy", "sqlmodel"}:
                yield from (each.name for each in names if each.name in WRITES)
        case ast.Constant(value=str(text)) if SQL_WRITE.match(text):
            yield text.strip()[:30]
        case ast.Assign(targets=targets):
            yield from filter(None, map(status_of, targets))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield from filter(None, [status_of(target)])
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant("status"), _]):
            yield "setattr status"


def write_calls(tree: ast.Module) -> Iterator[str]:
    """Writes through a session, and statements that write."""
    for line, name, method in calls(tree):
        through = name.endswith("session") and method in {"add", "add_all", "delete"}
        if through or (name in {"sa", "sqlalchemy"} and method in WRITES):
            yield f"{line} {name}.{method}"


def all_writes(tree: ast.Module) -> list[str]:
    found = [
        f"{getattr(node, 'lineno', 0)} {what}"
        for node in ast.walk(tree)
        for what in writes(node)
    ]
    return found + list(write_calls(tree))


def status_of(target: ast.expr) -> str | None:
    """An assigned status, unless it is that of an answer to the browser."""
    match target:
        case ast.Attribute(value=ast.Name(id="self" | "watch"), attr="status"):
            return None
        case ast.Attribute(attr="status"):
            return ".status ="
    return None


def test_only_services_write_rows() -> None:
    found = [
        f"{place}:{what}"
        for place, tree, _ in sources(*SURFACES, "sandbox")
        if place not in BULK
        for what in all_writes(tree)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "session.add(row)",
        "self.session.delete(row)",
        "sa.update(Booking)",
        "from sqlmodel import delete",
        "from sqlalchemy.dialects.postgresql import insert",
        "text('UPDATE booking SET version = 1')",
        "text('insert into booking values (1)')",
        "booking.status = 'completed'",
        "booking.status += ''",
        "setattr(booking, 'status', new)",
    ],
)
def test_the_net_for_writes_catches(text: str) -> None:
    assert all_writes(ast.parse(text))


@pytest.mark.parametrize(
    "text",
    ["seen.add(row)", "sa.select(Booking)", "self.status = 200", "_('Update it')"],
)
def test_the_net_for_writes_lets_through(text: str) -> None:
    assert all_writes(ast.parse(text)) == []


def test_nothing_but_the_database_stamps_time() -> None:
    wall = {
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("date", "today"),
        ("time", "time"),
    }
    found = [
        f"{place}:{line} {name}.{method}"
        for place, tree, _ in sources(*FLOORS)
        if place not in CLOCK_READERS
        for line, name, method in calls(tree)
        if (name, method) in wall
    ]
    assert found == []


def test_files_and_functions_stay_short() -> None:
    too_long, lengths = [], []
    for place, tree, text in sources(*FLOORS, "sandbox"):
        lines = text.count("\n")
        lengths.append(lines)
        if lines > LONGEST_FILE:
            too_long.append(f"{place}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                span = (node.end_lineno or node.lineno) - node.lineno + 1
                if span > LONGEST_FUNCTION:
                    too_long.append(f"{place}: {node.name} {span} lines")
    assert too_long == []
    assert median(lengths) <= 100


def test_public_functions_of_the_core_say_what_they_mean() -> None:
    silent = []
    for place, tree, _ in sources("services", "models"):
        for node in tree.body:
            if not isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            ):
                continue
            if not node.name.startswith("_") and ast.get_docstring(node) is None:
                silent.append(f"{place}: {node.name}")
    assert silent == []


def test_only_the_ledger_writes_its_tables() -> None:
    writers = {
        place
        for place, _, text in sources(*FLOORS)
        if re.search(r"\b(INSERT INTO|UPDATE|DELETE FROM)\s+ledger_", text)
    }
    assert writers == LEDGER_WRITERS


@pytest.mark.parametrize("place", ["requirements.lock", "pyproject.toml"])
def test_no_address_of_a_package_index_is_kept(place: str) -> None:
    text = (ROOT / place).read_text()
    assert [word for word in ("index-url", "find-links", "://") if word in text] == []


def test_there_is_no_package_that_shadows_alembic() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()


def imported_chances(tree: ast.Module) -> Iterator[int]:
    """Lines that draw a random value while the module is imported."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        name = getattr(getattr(node, "func", None), "attr", "")
        if isinstance(node, ast.Call) and name in {"uuid4", "uuid7", "random"}:
            yield node.lineno
        if isinstance(node, inner):
            waiting += getattr(node, "decorator_list", [])
        else:
            waiting += ast.iter_child_nodes(node)


def test_names_of_tests_are_alike_in_every_process() -> None:
    found = [
        f"{place}:{line}"
        for place, tree, _ in sources("tests")
        for line in imported_chances(tree)
    ]
    assert found == []


def test_the_net_for_chance_looks_into_decorators_only() -> None:
    caught = "@mark.parametrize('x', [uuid.uuid4()])\ndef test(x): ..."
    passed = "def test():\n    uuid.uuid4()\nmake = lambda: uuid.uuid4()"
    assert list(imported_chances(ast.parse(caught))) == [1]
    assert list(imported_chances(ast.parse(passed))) == []
