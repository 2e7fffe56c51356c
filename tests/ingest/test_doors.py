"""Accounts at the broker: what may be said of them, what each may say, and the files of many."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.dashboard import texts
from app.health.doors import ask_broker, check_doors, check_filters, check_take_overs, probe_filters, sample_of
from app.services.account import need_program
from app.services.mosquitto import Broker
from core.errors import Conflict, InputError, NotFound, SetupError, Unavailable
from core.installation import read_installation
from core.settings import Settings
from ingest.cover import covers
from ingest.doors.accounts import (
    AccountIn,
    add_account,
    change_account,
    read_account,
    read_active,
    read_door,
    revoke_account,
    rotate_account,
)
from ingest.doors.acl import PROBE, Account, acl_text, own_topics, rights
from ingest.doors.files import doors_text, read_base, reload_broker, replace
from ingest.doors.many import import_accounts, read_csv, read_text
from ingest.doors.secret import fits, hash_secret, make_secret
from ingest.filters import matches
from tests.support import now

ADMIN = "admin"


def add(conn: Connection, name: str, **more: Any) -> str:
    return add_account(conn, AccountIn(name=name, **more), "onemap", ADMIN, now())["password"]


def refusal(conn: Connection, **given: Any) -> InputError | Conflict:
    with pytest.raises((InputError, Conflict)) as caught, conn.begin_nested():
        add_account(conn, AccountIn(**given), "onemap", ADMIN, now())
    assert isinstance(caught.value, InputError | Conflict)
    return caught.value


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_device_with_nothing_said_is_a_sensor_of_its_name_and_a_unit_a_unit(conn: Connection) -> None:
    add(conn, "wl-9")
    add(conn, "fire-9", kind="unit")
    assert read_account(conn, "wl-9")["sensors"] == ["wl-9"]
    assert (read_account(conn, "fire-9")["sensors"], read_account(conn, "fire-9")["units"]) == ([], ["fire-9"])


def test_secret_is_kept_as_its_hash_only(conn: Connection) -> None:
    secret = add(conn, "wl-9")
    [account] = read_active(conn)
    assert fits(secret, account.password)
    assert secret not in str(conn.execute(text("SELECT a::text FROM broker_account a")).scalars().all())
    assert secret not in str(conn.execute(text("SELECT data::text FROM audit")).scalars().all())


@pytest.mark.parametrize("name", ["onemap", "gateway", "onemap-doors", "onemap-stranger", PROBE])
def test_accounts_of_the_software_are_nobodys_to_have(conn: Connection, name: str) -> None:
    """The doctor's is let in where client ids are chosen: who could give it a new secret could take any session."""
    assert "of the software itself" in refusal(conn, name=name).message
    add_account(conn, AccountIn(name="doctor-probe", reports=True), "onemap", "doctor", now(), own=True)
    for act in (rotate_account, revoke_account):
        with pytest.raises(InputError) as caught, conn.begin_nested():
            act(conn, name, ADMIN, now())
        assert "of the software itself" in caught.value.message
    with pytest.raises(InputError), conn.begin_nested():
        change_account(conn, AccountIn(name=name, reports=True), "onemap", ADMIN, now())


def test_account_cannot_be_called_like_a_session_of_ours(conn: Connection) -> None:
    """At the devices' listener a client's id is its user name."""
    name = read_installation(conn).client_id("onemap", "ingest-0")
    assert "of the software itself" in refusal(conn, name=name).message


def test_at_our_own_listener_no_device_is_known(tmp_path: Path) -> None:
    (tmp_path / "passwd.base").write_text("onemap:a\ngateway:b\n")
    accounts = [Account("wl-9", "device"), Account("bridge", "gateway"), Account("onemap-doors", "device")]
    texts = doors_text(tmp_path, accounts, {}, "onemap")
    assert [line.partition(":")[0] for line in texts["passwd.own"].splitlines()] == [
        "onemap",
        "gateway",
        "onemap-doors",
    ]
    assert "user wl-9" in texts["acl"]
    assert "user wl-9" not in texts["acl.own"]
    assert "user bridge" not in texts["acl.own"]


def test_mosquitto_reads_our_hashes(tmp_path: Path) -> None:
    """`mosquitto_passwd -b` on a file with our line keeps it as it is: it knows the form."""
    secret = make_secret()
    file = tmp_path / "passwd"
    line = f"ours:{hash_secret(secret)}"
    file.write_text(f"{line}\n")
    command = [need_program("mosquitto_passwd", "mosquitto"), "-b", str(file), "other", "word"]
    subprocess.run(command, check=True, capture_output=True)
    assert line in file.read_text().splitlines()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "onemap"}, "name"),
        ({"name": "gateway"}, "name"),
        ({"name": "g-1", "kind": "gateway", "sensors": ["a"]}, "kind"),
        ({"name": "d-1", "sensors": ["a/b"]}, "sensors"),
        ({"name": "d-1", "sensors": ["+"]}, "sensors"),
        ({"name": "d-1", "sources": ["nobody"]}, "sources"),
        ({"name": "d-1", "sources": ["native"]}, "sources"),
        ({"name": "d-1", "topics": ["onemap/observation/x"]}, "topics"),
        ({"name": "d-1", "topics": ["+/observation/x"]}, "topics"),
        ({"name": "d-1", "topics": ["#"]}, "topics"),
        ({"name": "d-1", "topics": ["nobody/reads/this"]}, "topics"),
        ({"name": "d-1", "topics": ["tele/plug/SENSOR "]}, "topics"),
    ],
)
def test_what_cannot_be_given_is_named(conn: Connection, given: dict[str, Any], field: str) -> None:
    assert refusal(conn, **given).field == field


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "水位", "a/b", "a\nuser gateway", "x:y"])
def test_name_that_the_files_could_not_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        AccountIn(name=name)


def test_two_accounts_never_speak_for_one_thing(conn: Connection) -> None:
    add(conn, "one", sensors=["a", "b"], cameras=["c"], units=["u"])
    for things in ({"sensors": ["x", "b"]}, {"cameras": ["c"]}, {"units": ["u"]}):
        assert refusal(conn, name="two", **things).reason == "spoken_for"
    add(conn, "two", sensors=["c"])
    revoke_account(conn, "one", ADMIN, now())
    add(conn, "three", sensors=["a"])


def test_revoked_name_is_never_given_again(conn: Connection) -> None:
    add(conn, "one")
    revoke_account(conn, "one", ADMIN, now())
    assert refusal(conn, name="one").reason == "taken"
    for act in (rotate_account, revoke_account):
        with pytest.raises(Conflict):
            act(conn, "one", ADMIN, now())
    assert read_active(conn) == []
    with pytest.raises(NotFound):
        rotate_account(conn, "nobody", ADMIN, now())


def test_every_change_asks_the_broker_to_be_told_and_is_written_down(conn: Connection) -> None:
    conn.execute(text("UPDATE broker_door SET applied = wanted"))
    for act in (
        lambda: add(conn, "one"),
        lambda: change_account(conn, AccountIn(name="one", sensors=["x"]), "onemap", ADMIN, now()),
        lambda: rotate_account(conn, "one", ADMIN, now()),
        lambda: revoke_account(conn, "one", ADMIN, now()),
    ):
        assert read_door(conn)["open"]
        act()
        assert not read_door(conn)["open"]
        conn.execute(text("UPDATE broker_door SET applied = wanted"))
    told = conn.scalars(text("SELECT what FROM audit WHERE data->>'account' = 'one' ORDER BY id")).all()
    assert told == ["device.add", "device.change", "device.rotate", "device.revoke"]


# --- a file of many ---------------------------------------------------------------------------------------------------


def test_bad_line_of_a_file_costs_itself_only(conn: Connection) -> None:
    body = "\ufeffname,kind,sensors,reports\na,,s1;s2,\nb,boat,,\nc,device,s2,\nd,unit,,true\ne,device,s9,,,\n"
    done = import_accounts(conn, read_csv(body), "onemap", ADMIN, now())
    assert [(one.line, one.name, one.error.field if one.error else None) for one in done] == [
        (2, "a", None), (3, "", "kind"), (4, "c", "sensors"), (5, "d", None), (6, "", "line"),
    ]  # fmt: skip
    assert read_account(conn, "d")["reports"]


def test_bad_line_is_told_in_words_that_name_its_field(conn: Connection) -> None:
    bad = [
        "b,boat,,,,",
        "ä,,,,,",
        "c,,s!,,,",
        "d,,,wells,,",
        "e,,,,no/such,",
        "main-1,gateway,s9,,,",
        "f,,s1,,,",
        "g,,s1,,,",
    ]
    body = "\n".join(["name,kind,sensors,sources,topics,note", *bad, ""])
    done = import_accounts(conn, read_csv(body), "onemap", ADMIN, now())
    told = [texts.why(one.error.reason, one.error.about) for one in done if one.error]
    assert [one["zh"] for one in told] == [
        "kind：须为以下之一：device、unit、gateway",
        "name：格式不符",
        "sensors：“s!”不是有效的编号：最多 64 个英文字母、数字、_、.、:、-",
        "sources：没有数据源“wells”",
        "topics：没有数据源读取主题“no/such”",
        "kind：网关账号可代表全部设备，不必逐一填写",
        "编号 s1 已归账号 f",
    ]
    assert told[0]["en"] == "kind: this must be one of device, unit, gateway"


@pytest.mark.parametrize("body", ["", "sensors\na\n", "name,colour\na,red\n"])
def test_file_without_a_heading_that_we_know_is_refused(body: str) -> None:
    with pytest.raises(InputError) as caught:
        read_csv(body)
    assert caught.value.field == "heading"


def test_file_that_is_no_csv_is_refused_in_words() -> None:
    with pytest.raises(InputError) as caught:
        read_csv("name\n" + "x" * 200_000)
    assert caught.value.field == "file"


def test_file_of_a_chinese_spreadsheet_is_read() -> None:
    body = "name,note\nwl-1,河湖"
    assert {read_text(body.encode(encoding)) for encoding in ("utf-8", "utf-8-sig", "gb18030")} == {body}
    with pytest.raises(InputError):
        read_text(b"name\xff\xff\xff")


# --- what each may say ------------------------------------------------------------------------------------------------

FILTERS = {"native": ["onemap/observation/+"], "pumps": ["pumps/+/up"]}


def lines(account: Account) -> list[str]:
    return acl_text([account], FILTERS, "onemap").splitlines()


def test_device_is_given_single_topics() -> None:
    account = Account("d", "device", sensors=["a"], cameras=["c"], topics=["tele/x/SENSOR"], reports=True)
    assert lines(account) == [
        "user d", "topic write onemap/observation/a", "topic write onemap/video/c/event",
        "topic write onemap/video/c/snapshot", "topic write onemap/incident", "topic write tele/x/SENSOR",
    ]  # fmt: skip


def test_unit_is_given_its_own_task_and_answers() -> None:
    assert lines(Account("f", "unit", units=["f-1"])) == [
        "user f", "topic write onemap/position/f-1", "topic write onemap/unit/f-1/status",
        "topic write onemap/task/f-1/+/reply", "topic read onemap/task/f-1",
    ]  # fmt: skip


HEARD = ("onemap/alarm/#", "onemap/alert/#", "onemap/task/+")


@pytest.mark.parametrize("kind", ["device", "unit"])
def test_device_or_unit_hears_nothing_but_tasks_of_its_own(kind: Any) -> None:
    """Whatever it speaks for: what is told of alarms is of every district and class, an account has no scope."""
    filters = {"native": ["onemap/observation/+"], "wide": ["#"], "pumps": ["pumps/+/up"]}
    told = {"sensors": ["a"], "cameras": ["c"], "sources": list(filters), "topics": ["tele/x/SENSOR"]}
    account = Account("d", kind, units=["f-1"], reports=True, warnings=True, **told)
    _, reads = rights(account, filters, ["pumps/+/up", "#"], "onemap")
    assert reads == ["onemap/task/f-1"]
    for other in (Account("g", "gateway"), Account("p", "process")):
        heard = rights(other, filters, [], "onemap")[1]
        assert all(any(covers(one, topic) for one in heard) for topic in HEARD)


def test_topics_of_our_own_are_never_given_through_a_source() -> None:
    """Else an account for the native source spoke for every sensor."""
    assert lines(Account("d", "device", sources=["native", "pumps"])) == ["user d", "topic write pumps/+/up"]


def test_source_that_reads_ours_and_others_with_one_filter_opens_no_door_to_ours() -> None:
    account = Account("d", "device", sources=["wide"])
    text = acl_text([account], {"wide": ["+/observation/+", "#", "else/+"]}, "onemap")
    assert text.splitlines() == ["user d", "topic write else/+"]


def test_only_gateways_and_processes_have_wildcards_below_the_prefix() -> None:
    assert all("+" not in topic for topic in own_topics(Account("d", "device", sensors=["a"], cameras=["c"])))
    assert "topic write onemap/observation/+" in lines(Account("g", "gateway"))
    assert not any(line.startswith("topic write onemap/alarm") for line in lines(Account("g", "gateway")))


@pytest.mark.parametrize(
    ("wide", "narrow", "is_covered"),
    [
        ("a/+/c", "a/b/c", True), ("a/b/c", "a/+/c", False), ("a/#", "a", True), ("a/#", "a/b/#", True),
        ("a/+", "a/#", False), ("#", "$SYS/x", False), ("+/b", "a/b", True), ("a/+/c", "a/+/d", False),
        ("a/b", "a/b/c", False), ("a/+", "a", False), ("a/#", "b", False),
    ],
)  # fmt: skip
def test_filters_that_cover_others(wide: str, narrow: str, *, is_covered: bool) -> None:
    assert covers(wide, narrow) is is_covered
    if is_covered and not set("+#") & set(narrow):
        assert matches(wide.split("/"), narrow.split("/"))


# --- the files --------------------------------------------------------------------------------------------------------


def test_file_is_replaced_in_one_step_and_only_where_it_differs(tmp_path: Path) -> None:
    assert replace(tmp_path / "acl", "a")
    assert (tmp_path / "acl").stat().st_mode & 0o777 == 0o600
    assert not replace(tmp_path / "acl", "a")
    assert replace(tmp_path / "acl", "b")
    assert [path.name for path in tmp_path.iterdir()] == ["acl"]


def test_folder_that_is_no_brokers_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="ONEMAP_BROKER_FOLDER"):
        read_base(tmp_path)


@pytest.mark.parametrize("pid", [None, "", "x", "999999999", "1"])
def test_process_that_is_no_broker_gets_no_signal(tmp_path: Path, pid: str | None) -> None:
    if pid is not None:
        (tmp_path / "mosquitto.pid").write_text(pid)
    with pytest.raises(Unavailable):
        reload_broker(tmp_path)


# --- the doctor -------------------------------------------------------------------------------------------------------


def told(conn: Connection, later: timedelta = timedelta()) -> str:
    return "\n".join(remark.words for remark in check_doors(conn, now() + later))


def test_doctor_names_changes_the_broker_was_not_told_of(conn: Connection) -> None:
    conn.execute(text("UPDATE broker_door SET applied = wanted"))
    assert told(conn) == ""
    add(conn, "one")
    conn.execute(text("UPDATE broker_door SET error = 'no such folder'"))
    assert "has not been told" in told(conn)
    assert "no such folder" in told(conn)


def test_doctor_names_devices_that_are_expected_and_silent(conn: Connection) -> None:
    add(conn, "quiet-1")
    conn.execute(text("UPDATE broker_door SET applied = wanted"))
    assert told(conn) == ""
    assert "never heard: quiet-1" in told(conn, timedelta(hours=2))
    conn.execute(
        text(
            "INSERT INTO sensor_state (sensor_id, metric, time, value, quality, received_at) "
            "VALUES ('quiet-1', 'm', now(), 1, 'good', now())"
        )
    )
    assert told(conn, timedelta(hours=2)) == ""
    assert "silent for a day or longer: quiet-1" in told(conn, timedelta(days=2))


def test_doctor_names_two_clients_of_one_account(tmp_path: Path) -> None:
    log = tmp_path / "mosquitto.log"
    at = now()
    line = f"{at.timestamp():.0f}: Client logger-1 already connected, closing old connection.\n"
    log.write_text(line * 3)
    assert list(check_take_overs(log, at)) == []
    log.write_text(line * 9 + line.replace("logger-1", "logger-2"))
    assert list(check_take_overs(log, at + timedelta(hours=2))) == [], "it is over"
    [remark] = check_take_overs(log, at)
    assert "logger-1 (9 times)" in remark.words
    assert "logger-2" not in remark.words
    log.write_text(line.replace("logger-1", "onemap-0123456789abcdef-ingest-0") * 9)
    [remark] = check_take_overs(log, at)
    assert "onemap-…-ingest-0 (9 times)" in remark.words, "what is secret in an id of ours is not told"
    assert list(check_take_overs(tmp_path / "none", at)) == []


# --- topics nobody may write ------------------------------------------------------------------------------------------


def test_doctor_names_what_a_source_reads_and_no_device_may_write(conn: Connection) -> None:
    conn.execute(text("UPDATE source SET enabled = true WHERE id = 'zigbee2mqtt'"))
    add(conn, "wl-9")
    [remark] = list(check_filters(conn, "onemap"))
    assert "source zigbee2mqtt: on zigbee2mqtt/# no device's account may publish, gateways only" in remark.words
    assert "--source zigbee2mqtt" in remark.words
    add_account(conn, AccountIn(name=PROBE, sources=["zigbee2mqtt"]), "onemap", "doctor", now(), own=True)
    assert [one.words for one in check_filters(conn, "onemap")] == [remark.words], "the doctor's own opens nothing"
    add(conn, "bridge", sources=["zigbee2mqtt"])
    assert list(check_filters(conn, "onemap")) == []


def test_broker_itself_is_asked_and_says_what_it_refuses(conn: Connection, broker: Broker, settings: Settings) -> None:
    """As an account that may speak on our topics only, with a source that reads another maker's."""
    asked = settings.model_copy(update={"mqtt_url": broker.url("gateway")})
    assert ask_broker(asked, ["onemap/observation/onemap-doctor"]) == []
    assert ask_broker(asked, ["onemap/alarm/000000/1", "onemap/observation/x"]) == ["onemap/alarm/000000/1"]
    conn.execute(text("UPDATE source SET topic_filters = '{onemap/closed/+}', enabled = true WHERE id = 'zigbee2mqtt'"))
    [remark] = list(probe_filters(conn, asked))
    assert "refuses what gateway publishes on onemap/closed/+" in remark.words
    ours = settings.model_copy(update={"mqtt_url": broker.url()})
    assert list(probe_filters(conn, ours)) == [], "others manage the broker"
    add(conn, "wl-9")
    [remark] = list(probe_filters(conn, ours))
    assert not remark.wrong
    assert "was not tried" in remark.words


def test_sample_of_a_filter_fits_it() -> None:
    for one in ("a/+/b", "a/#", "+/+", "a"):
        assert matches(one.split("/"), sample_of(one).split("/"))
