"""The certificates that one run of `up` shows at its doors: one's own, or those of a local authority."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from app.services.account import OURSELVES, RunAs
from app.services.authority import Authority
from app.services.names import names_wanted
from core.clock import utc_now
from core.errors import SetupError
from core.settings import Settings
from core.tls import check_pair, trust_authority, trust_holder
from ingest.doors.files import replace

# how often it is looked whether the certificate ends soon or the machine has new addresses
LOOK_S = 60.0


class Certificates:
    """`settings` name the files; where they name none, both doors are plain."""

    def __init__(self, settings: Settings, authority: Authority | None) -> None:
        self.settings, self.authority = settings, authority
        self._seen_at = time.monotonic()
        self._folder: Path | None = None
        self._theirs = OURSELVES

    def share(self, folder: Path, run_as: RunAs) -> None:
        """Our processes are somebody who cannot read the files: `keep` gives them copies in `folder`."""
        self._folder, self._theirs = folder, run_as

    def keep(self) -> list[str]:
        """Make and renew what is ours to make, and the copies; what was done, in words."""
        done: list[str] = []
        if self.authority is not None:
            done = self.authority.keep(socket.gethostname(), names_wanted(self.settings), utc_now())
        if self._folder is not None and self.facts():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._theirs.own(self._folder)
            for name, path in self.shared().items():
                replace(Path(path), Path(self.facts()[name]).read_text())
        return done

    def watch(self, say: Callable[[str], None]) -> None:
        """Renewed while everything runs: the page reads it anew by itself, `doors` brings it to the broker."""
        made = self.authority is not None or self._folder is not None
        if not made or time.monotonic() - self._seen_at < LOOK_S:
            return
        self._seen_at = time.monotonic()
        try:
            for words in self.keep():
                say(words)
        except (OSError, SetupError) as exc:
            say(f"the certificate cannot be renewed, it is tried again: {exc}")

    def facts(self) -> dict[str, str]:
        """The files: `cert`, `key`, and `authority` where browsers do not know it by themselves."""
        found = (("cert", self.settings.tls_cert), ("key", self.settings.tls_key))
        return {name: str(path) for name, path in (*found, ("authority", self.settings.tls_authority)) if path}

    def shared(self) -> dict[str, str]:
        """The same files as our processes can read them."""
        if self._folder is None:
            return self.facts()
        return {name: str(self._folder / f"{name}.pem") for name in self.facts()}

    def trust(self) -> ssl.SSLContext | None:
        """How we know our own page."""
        if self.authority:
            return trust_authority(self.authority.certificate)
        return trust_holder(self.settings.tls_cert) if self.settings.tls_cert else None

    def told(self, page: str) -> str:
        """What people must know of them; `page` is the page's address for phones."""
        if self.authority is None:
            return ""
        return (
            f"\n  TLS      phones and devices need the authority {self.authority.certificate}"
            f"\n           (phones: {page}/ca.crt); its SHA-256 is"
            f"\n           {self.authority.fingerprint()}"
        )


def find_certificates(settings: Settings, state: Path, *, wanted: bool) -> Certificates:
    """One's own, whose files must fit together; else, where `wanted`, of an authority in the state folder. Paths become
    absolute: our children work elsewhere."""
    if files := settings.tls_files():
        check_pair(*files)
        named = {"tls_cert": files[0], "tls_key": files[1], "tls_authority": settings.tls_authority}
        resolved = {name: path.resolve() for name, path in named.items() if path}
        return Certificates(settings.model_copy(update=resolved), None)
    if not wanted:
        return Certificates(settings, None)
    authority = Authority(state.resolve() / "tls")
    made = {
        "tls_cert": authority.server_certificate,
        "tls_key": authority.server_key,
        "tls_authority": authority.certificate,
    }
    return Certificates(settings.model_copy(update=made), authority)
