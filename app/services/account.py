"""The unprivileged account that the private database and broker run under, and where their data may live."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from core.errors import SetupError

ACCOUNT = "onemap"


@dataclass(frozen=True, slots=True)
class RunAs:
    """Who services run as. `uid` is None where that is simply us (we are not root)."""

    uid: int | None
    gid: int | None

    def popen_args(self) -> dict[str, object]:
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


OURSELVES = RunAs(None, None)


def service_account() -> RunAs:
    """Ourselves, or, as root, the account `onemap` (made if missing): neither initdb nor a careful broker runs as
    root."""
    if os.geteuid() != 0:
        return RunAs(None, None)
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT],
            check=True,
        )
        entry = pwd.getpwnam(ACCOUNT)
    return RunAs(entry.pw_uid, entry.pw_gid)


def service_folder(state: Path, run_as: RunAs) -> Path:
    """A folder the services can enter and write: under `state`, or under /var/lib/onemap where that account cannot get
    there."""
    folder = state / "services"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    run_as.own(folder)
    if run_as.uid is None or _can_enter(folder, run_as):
        return folder
    digest = hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]
    elsewhere = Path("/var/lib/onemap") / digest
    elsewhere.mkdir(parents=True, exist_ok=True)
    elsewhere.chmod(0o700)
    run_as.own(elsewhere)
    return elsewhere


def _can_enter(folder: Path, run_as: RunAs) -> bool:
    probe = subprocess.run(["test", "-x", str(folder)], check=False, **run_as.popen_args())  # type: ignore[call-overload]
    return bool(probe.returncode == 0)


def keep_private(state: Path, run_as: RunAs) -> None:
    """From now on nobody else reads what we write; what is there already under `state` is closed to others too. The
    services' own account may pass through the folder, no more."""
    os.umask(0o077)
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o711 if run_as.uid is not None else 0o700)
    for folder, names, files in os.walk(state):
        if Path(folder) == state and "services" in names:
            names.remove("services")  # theirs: initdb and make_broker close it
        for name in (*names, *files):
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o700)


def find_program(name: str, *more: str) -> Path | None:
    """`name` on PATH, in the folders Debian keeps servers in, or in `more` folders."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *more])
    found = shutil.which(name, path=places)
    return Path(found) if found else None


def need_program(name: str, package: str) -> Path:
    found = find_program(name)
    if found is None:
        raise SetupError(f"{name} is not on this machine; install the package {package}", reason="missing_program")
    return found


# what our processes read and write in the state folder
THEIRS = ("pictures", "unwritten", "city")


def account_of_processes(root: Path, state: Path, pictures_url: str, run_as: RunAs) -> tuple[RunAs, str]:
    """Who our own processes run as, and why not as the services' account where they cannot: it must be able to read
    the checkout and the Python that runs it, and to write where pictures go."""
    if run_as.uid is None:
        return OURSELVES, ""
    asked = "import app.cli.run, dash"
    for command, lacking in (
        (["test", "-x", str(state)], f"enter {state}"),
        ([sys.executable, "-c", asked], f"read {root} and {sys.prefix}"),
    ):
        if not succeeds(command, root, run_as):
            return OURSELVES, f"the account {ACCOUNT} cannot {lacking}"
    folder = pictures_url.removeprefix("file://")
    if folder != pictures_url and not succeeds(["test", "-w", folder], root, run_as):
        return OURSELVES, f"the account {ACCOUNT} cannot write to {folder} (ONEMAP_PICTURES_URL)"
    return run_as, ""


def succeeds(command: list[str], root: Path, run_as: RunAs) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            command, cwd="/", env=environment, capture_output=True, check=False, **run_as.popen_args()
        )
    except PermissionError:  # the very program is out of reach
        return False
    return bool(done.returncode == 0)


def give(state: Path, run_as: RunAs) -> None:
    """Make the folders of our processes theirs, with all that is in them."""
    for name in THEIRS:
        top = state / name
        top.mkdir(mode=0o700, exist_ok=True)
        for folder, names, files in os.walk(top):
            for path in (Path(folder), *(Path(folder) / one for one in (*names, *files))):
                if run_as.uid is not None and path.lstat().st_uid != run_as.uid:
                    os.chown(path, run_as.uid, run_as.gid or run_as.uid, follow_symlinks=False)


def compile_sources(root: Path) -> None:
    """Compile our modules where everybody can read the result: who may not write them would compile them again at
    every start."""
    packages = [str(root / name) for name in ("core", "ingest", "alerts", "dispatch", "layers", "app", "demo")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *packages], check=False, capture_output=True, umask=0o022)
