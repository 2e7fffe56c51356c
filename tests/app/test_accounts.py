"""Accounts and sessions: passwords, ends of sessions, and that no secret is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from app import accounts
from app.accounts import Policy
from app.dashboard import texts
from app.passwords import check_password, verify
from core.errors import Conflict, InputError, NotFound
from core.viewer import Role
from tests.support import PASSWORD, now

NOW = now()
POLICY = Policy(failures=5, lock_s=300, hours=12, idle_minutes=10)


@pytest.mark.parametrize("password", ["", "Ab1!xyz", "hjqwmbtz1", "HJQWMBTZ1", "hjqwmbtz!", "82915573!", "Qx7!" * 65])
def test_weak_password_is_refused_by_field(password: str) -> None:
    with pytest.raises(InputError) as caught:
        check_password(password)
    assert (caught.value.field, caught.value.reason) == ("password", "weak_password")


@pytest.mark.parametrize("password", ["Hjqwmbt1", "hjqwmb1!", "HJQWMB1!", "密码Hjqw1!", PASSWORD])
def test_password_of_three_classes_passes(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize(
    "password",
    ["Password1!", "P@ssw0rd", "Admin123!", "Qwerty123!", "1qaz@WSX", "Aa123456", "Abcdefg1", "Zaq12wsx!", "OneMap26!"],
)
def test_password_that_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(InputError) as caught:
        check_password(password, "duty", "Duty Officer")
    assert (caught.value.field, caught.value.reason) == ("password", "common_password")


@pytest.mark.parametrize(
    ("username", "name", "password"),
    [
        ("mengwei", "Wei", "MENGWEI-hjq-7"),
        ("meng.wei", "x", "7-Meng-hjqwm"),
        ("mw7", "Zhou Yating", "hjqw-Yating-7"),
        ("mw", "周雅婷", "Hj-周雅婷-7q"),
    ],
)
def test_password_with_the_users_own_name_is_refused(username: str, name: str, password: str) -> None:
    check_password(password, "somebody", "Else")
    with pytest.raises(InputError) as caught:
        check_password(password, username, name)
    assert (caught.value.field, caught.value.reason) == ("password", "password_has_name")


def test_refusals_have_words_in_both_languages(conn: Connection) -> None:
    for reason in ("weak_password", "password_has_name", "common_password"):
        assert set(texts.catalogue()[f"reason.{reason}"]) == {"zh", "en"}
    with pytest.raises(InputError):
        accounts.add_account(conn, "somebody", "Some Body", Role.VIEWER, "Somebody-hjq-7", NOW)
    with pytest.raises(InputError):
        accounts.set_password(conn, "viewer", "Viewer-hjqwm-7")


def test_secrets_are_not_kept(conn: Connection) -> None:
    secret, _ = accounts.open_session(conn, "viewer", "token", NOW, 1)
    held = conn.execute(text("SELECT a.password, s.digest FROM account a JOIN session s USING (username)")).one()
    assert held.password.startswith("$argon2id$")
    assert PASSWORD not in held.password
    assert secret not in held.digest


@pytest.mark.parametrize(
    ("why", "kind", "asked", "after", "found"),
    [
        ("a token within its life", "token", ("token",), timedelta(minutes=59), True),
        ("after its end", "token", ("token",), timedelta(minutes=61), False),
        ("a token where a cookie is asked", "token", ("browser",), timedelta(0), False),
        ("a feed token elsewhere", "feed", ("token",), timedelta(0), False),
        ("an idle browser", "browser", ("browser",), timedelta(minutes=11), False),
        ("a browser in use", "browser", ("browser",), timedelta(minutes=9), True),
        ("a token does not idle out", "token", ("token",), timedelta(minutes=30), True),
    ],
)
def test_session_is_found_while_it_lasts(
    why: str, kind: str, asked: tuple[str, ...], after: timedelta, found: bool, conn: Connection
) -> None:
    secret, _ = accounts.open_session(conn, "viewer", kind, NOW, 1)
    viewer = accounts.read_session(conn, secret, asked, POLICY, NOW + after)
    assert (viewer is not None) is found, why


def test_use_keeps_a_browser_session_from_idling_out(conn: Connection) -> None:
    secret, _ = accounts.open_session(conn, "viewer", "browser", NOW, 12)
    for minutes in (8, 16, 24):
        assert accounts.read_session(conn, secret, ("browser",), POLICY, NOW + timedelta(minutes=minutes))


def test_new_password_ends_every_session(conn: Connection) -> None:
    secret, _ = accounts.open_session(conn, "viewer", "token", NOW, 1)
    accounts.set_password(conn, "viewer", PASSWORD + "x")
    assert accounts.read_session(conn, secret, ("token",), POLICY, NOW) is None
    holder = accounts.read_holder(conn, "viewer")
    assert holder is not None
    assert not verify(holder.password, PASSWORD)
    assert verify(holder.password, PASSWORD + "x")


def test_names_are_unique_and_printable(conn: Connection) -> None:
    with pytest.raises(Conflict):
        accounts.add_account(conn, "viewer", "x", Role.VIEWER, PASSWORD, NOW)
    for name in ("", "x" * 65, "a\nb"):
        with pytest.raises(InputError):
            accounts.add_account(conn, name, "x", Role.VIEWER, PASSWORD, NOW)
    with pytest.raises(NotFound):
        accounts.set_password(conn, "nobody", PASSWORD)
