"""Who our processes run as: the services' account where it can read what they need, else whoever started them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.services import account
from app.services.account import OURSELVES, RunAs, account_of_processes, give, service_account
from tests.support import ROOT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process to another account")


def test_who_is_not_root_stays_who_they_are(tmp_path: Path) -> None:
    assert account_of_processes(ROOT, tmp_path, "", OURSELVES) == (OURSELVES, "")


@as_root
def test_state_folder_that_cannot_be_entered_keeps_them_ours_and_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    ours, why = account_of_processes(ROOT, tmp_path, "", service_account())
    assert ours == OURSELVES
    assert why == f"the account onemap cannot enter {tmp_path}"


@as_root
@pytest.mark.parametrize("program", ["/root/nowhere/python", "/bin/false"])
def test_python_that_is_out_of_reach_keeps_them_ours_and_says_so(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(account.sys, "executable", program)
    ours, why = account_of_processes(ROOT, Path("/"), "", service_account())
    assert ours == OURSELVES
    assert why.startswith(f"the account onemap cannot read {ROOT} and ")


@as_root
def test_pictures_of_anothers_keep_them_ours_and_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(account.sys, "executable", "/bin/true")
    (tmp_path / "pictures").mkdir(mode=0o700)
    found = account_of_processes(ROOT, Path("/"), f"file://{tmp_path}/pictures", service_account())
    assert found == (
        OURSELVES,
        f"the account onemap cannot write to {tmp_path}/pictures (ONEMAP_PICTURES_URL)",
    )
    assert account_of_processes(ROOT, Path("/"), "", service_account()) == (service_account(), "")


@as_root
def test_what_was_roots_becomes_theirs_and_links_lead_nowhere(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("root's")
    folder = tmp_path / "pictures" / "ab"
    folder.mkdir(parents=True)
    (folder / "abcd.jpg").write_bytes(b"x")
    (folder / "link").symlink_to(other)
    run_as: RunAs = service_account()
    give(tmp_path, run_as)
    assert {path.lstat().st_uid for path in (folder, folder / "abcd.jpg", folder / "link")} == {run_as.uid}
    assert other.stat().st_uid == 0
