"""Addresses that a person gave: what may be asked, where the connection goes, what an answer means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook

from alerts.senders import Gone, Later, Message, Outcome, Sender, Sent, Target
from alerts.senders.gateway import GatewayOptions, GatewaySender
from alerts.senders.http import KEEP_S, Allowed, Line, Lines, check_address, parse_allowed, resolve
from alerts.senders.robots import DINGTALK_BYTES, Robot, RobotSender, dingtalk_query, shortened
from alerts.senders.webhook import WebhookOptions, WebhookSender, new_secret
from core.clock import utc_now
from core.errors import InputError, Unavailable
from tests.alerts.senders.receivers import Web, web
from tests.support import now

HERE = parse_allowed("127.0.0.0/8")


def carried(sender: Sender, to: Target, messages: Sequence[Message]) -> list[Outcome]:
    """By a sender that keeps no connection after it."""
    try:
        return list(sender.send(to, messages))
    finally:
        sender.close()


@pytest.fixture
def receiver() -> Iterator[Web]:
    with web() as found:
        yield found


def hook(receiver: Web, secret: str = "") -> Target:
    return Target("w", {"address": f"{receiver.url}/hook?of=mine"}, {"secret": secret or new_secret()})


def test_late_retry_verifies_with_the_specifications_own_verifier(receiver: Web) -> None:
    """Same id, a fresh time and signature on every attempt."""
    secret = new_secret()
    moments = [utc_now() - timedelta(hours=2), utc_now()]
    sender = WebhookSender(HERE, clock=lambda: moments.pop(0))
    receiver.answers = [(503, {})]
    message = Message("alarm.raised", '{"words": "水位"}', "msg_1")
    assert isinstance(carried(sender, hook(receiver, secret), [message])[0], Later)
    assert carried(sender, hook(receiver, secret), [message]) == [Sent()]
    first, second = receiver.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "msg_1"
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert Webhook(secret).verify(second.body, dict(second.headers)) == {"words": "水位"}
    with pytest.raises(Exception, match="too old"):
        Webhook(secret).verify(first.body, dict(first.headers))
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(new_secret()).verify(second.body, dict(second.headers))
    assert second.path == "/hook?of=mine"


def test_lines_are_kept_for_a_while_and_no_more_than_there_is_room_for(receiver: Web) -> None:
    clock = [0.0]
    lines = Lines(parse_allowed("127.0.0.0/8"), lambda: clock[0], most=2)

    def use(name: str) -> Line:
        with lines.to(name, receiver.url) as line:
            line.ask("POST", b"{}", {})
        return line

    first = use("a")
    assert use("a") is first
    second = use("b")
    use("a")
    use("c")
    assert use("a") is first, "the one that was used longest ago makes room"
    assert use("b") is not second
    clock[0] += KEEP_S + 1
    use("d")
    assert use("a") is not first, "nobody used it for long"
    lines.close()


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after_s"),
    [
        (204, {}, Sent, None),
        (410, {}, Gone, None),
        (429, {"Retry-After": "37"}, Later, 37.0),
        (503, {"Retry-After": "999999"}, Later, 3600.0),
        (500, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Later, None),
        (302, {"Location": "http://127.0.0.1:9/elsewhere"}, Later, None),
        (404, {}, Later, None),
    ],
)
def test_what_an_answer_means(
    receiver: Web, status: int, headers: dict[str, str], kind: type, after_s: float | None
) -> None:
    receiver.answers, receiver.body = [(status, headers)], b""
    [outcome] = carried(WebhookSender(HERE), hook(receiver), [Message("t", "{}", "m")])
    assert isinstance(outcome, kind)
    assert getattr(outcome, "after_s", None) == after_s
    assert len(receiver.heard) == 1, "a redirect is not followed"


def test_first_that_does_not_arrive_keeps_those_behind_it_back(receiver: Web) -> None:
    receiver.answers = [(200, {}), (500, {})]
    outcomes = carried(WebhookSender(HERE), hook(receiver), [Message("t", "{}", f"m{n}") for n in range(3)])
    assert [type(one) for one in outcomes] == [Sent, Later, Later]
    assert [one.headers["webhook-id"] for one in receiver.heard] == ["m0", "m1"]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/",
        "http://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1%25lo]/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://100.64.0.1/",
    ],
)
def test_addresses_inside_are_refused_unless_allowed(address: str, receiver: Web) -> None:
    target = Target("w", {"address": address}, {"secret": new_secret()})
    [outcome] = carried(WebhookSender(Allowed()), target, [Message("t", "{}", "m")])
    assert isinstance(outcome, Later)
    assert "ONEMAP_SEND_HOSTS" in outcome.why or "knows the name" in outcome.why
    assert receiver.heard == []


def answers_of(*addresses: str) -> Any:
    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in addresses]


def test_name_that_stands_for_an_inner_address_too_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answers_of("93.184.216.34", "10.0.0.7"))
    with pytest.raises(InputError):
        resolve(urlsplit("http://example.org/"), Allowed())
    assert resolve(urlsplit("http://example.org/"), parse_allowed("example.org")) == ("93.184.216.34", 80)
    assert resolve(urlsplit("http://example.org:81/"), parse_allowed("example.org:81"))[1] == 81
    with pytest.raises(InputError):
        resolve(urlsplit("http://example.org:82/"), parse_allowed("example.org:81"))


def test_connection_goes_to_what_was_resolved_and_asked_once(receiver: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DNS that answers otherwise the second time sends us nowhere else; the name stays in the request."""
    asked: list[Any] = []
    port = int(receiver.url.rpartition(":")[2])

    def resolved(*given: Any, **_: Any) -> Any:
        asked.append(given)
        if len(asked) > 1:
            raise AssertionError("the name was asked for twice")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda to, *more: real_connect(real, to, *more))
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    line = Line(f"http://duty.example.org:{port}/x", HERE)
    assert line.ask("POST", b"{}", {}).status == 200
    line.close()
    assert receiver.heard[0].headers["Host"] == f"duty.example.org:{port}"


def real_connect(real: Any, to: tuple[str, int], timeout: float) -> socket.socket:
    """Without asking for a name: what is given must be an address."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.settimeout(timeout)
    made.connect((socket.inet_ntoa(socket.inet_aton(to[0])), to[1]))
    return made


def test_receiver_that_sends_a_letter_every_moment_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each letter comes within every time-out of the socket."""
    monkeypatch.setattr("alerts.senders.http.DEADLINE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def dribble() -> None:
            conn, _ = server.accept()
            with conn:
                try:
                    conn.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not stop.wait(0.05):
                        conn.sendall(b"X: y\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        line = Line(f"http://127.0.0.1:{server.getsockname()[1]}/", HERE)
        with pytest.raises(Unavailable, match="too slowly"):
            line.ask("POST", b"", {})
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "address",
    ["ftp://a/b", "http://", "https://u:p@a/", "http://a:0/", "http://a:99999/", "javascript:alert(1)", "http://a b/"],
)
def test_what_is_no_address_is_said_at_its_field(address: str) -> None:
    with pytest.raises(ValidationError):
        WebhookOptions(address=address)
    with pytest.raises(Exception, match="expected an address"):
        check_address(address)


# --- robots -----------------------------------------------------------------------------------------------------------


def test_robot_is_asked_with_its_makers_signature(receiver: Web) -> None:
    """The worked example: base64(HMAC-SHA256(secret, "timestamp\\nsecret")), the time in milliseconds."""
    moment = now()
    sender = RobotSender(Robot(dingtalk_query, DINGTALK_BYTES), HERE, "", clock=lambda: moment)
    to = Target("d", {"address": f"{receiver.url}/robot/send"}, {"token": "tok", "secret": "SECxyz"})
    assert carried(sender, to, [Message("", "一级告警")]) == [Sent()]
    query = parse_qs(urlsplit(receiver.heard[0].path).query)
    stamp = query["timestamp"][0]
    wanted = base64.b64encode(hmac.digest(b"SECxyz", f"{stamp}\nSECxyz".encode(), hashlib.sha256)).decode()
    assert (query["access_token"], query["sign"]) == (["tok"], [wanted])
    assert int(stamp) == round(moment.timestamp() * 1000)
    assert receiver.heard[0].body.decode() == '{"msgtype": "text", "text": {"content": "一级告警"}}'


@pytest.mark.parametrize(
    ("body", "kind", "after_s"),
    [
        (b'{"errcode": 0}', "Sent", None),
        (b'{"errcode": 45009, "errmsg": "api freq out of limit"}', "Later", 60.0),
        (b'{"errcode": 310000, "errmsg": "sign not match"}', "Refused", None),
        (b"<html>a portal</html>", "Later", None),
        (b'["errcode"]', "Later", None),
    ],
)
def test_what_a_robot_says(receiver: Web, body: bytes, kind: str, after_s: float | None) -> None:
    receiver.body = body
    sender = RobotSender(Robot(dingtalk_query, DINGTALK_BYTES), HERE, "")
    [outcome] = carried(sender, Target("d", {"address": receiver.url}, {"token": "tok"}), [Message("", "x")])
    assert type(outcome).__name__ == kind
    assert getattr(outcome, "after_s", None) == after_s


def test_text_that_is_too_long_ends_on_a_character() -> None:
    assert shortened("水" * 10, 30) == "水" * 10
    assert shortened("水" * 11, 30) == "水" * 9 + "…"


# --- gateways ---------------------------------------------------------------------------------------------------------


def test_what_is_filled_into_a_template_cannot_end_the_text_it_stands_in(receiver: Web) -> None:
    nasty = 'a","to":"119\r\nX-Evil: 1\\ & {secret} 水'
    options = GatewayOptions(
        address=f"{receiver.url}/send/{{to}}?t={{title}}",
        headers={"X-Title": "{title}", "X-Key": "{secret}"},
        body='{"mobile": "{to}", "text": "{text}", "n": 1}',
        to="13800000000",
    )
    fields = {"title": nasty, "text": nasty, "level": "1", "what": "raised", "id": "x"}
    to = Target("g", options.model_dump(), {"secret": "s3"})
    assert carried(GatewaySender(HERE, ""), to, [Message("", json.dumps(fields))]) == [Sent()]
    [request] = receiver.heard
    assert json.loads(request.body) == {"mobile": "13800000000", "text": nasty, "n": 1}
    assert request.path.startswith("/send/13800000000?t=a%22%2C%22to%22")
    assert "X-Evil" not in request.headers
    assert request.headers["X-Key"] == "s3"
    assert "{secret}" in request.headers["X-Title"], "what was filled in is not filled in again"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"address": "https://{to}/x"}, "address"),
        ({"address": "https://a/{nobody}"}, "address"),
        ({"address": "https://a/", "body": '{"a": {text}'}, ""),
        ({"address": "https://a/", "headers": {"Host": "b"}}, ""),
        ({"address": "https://a/", "headers": {"X": "a\r\nb"}}, "headers"),
        ({"address": "https://a/", "body": "{text} {what} {who}"}, "body"),
    ],
)
def test_template_that_cannot_be_is_refused_at_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        GatewayOptions.model_validate(given)
    assert str((*caught.value.errors()[0]["loc"], "")[0]) == field


def test_answer_that_lacks_what_tells_success_is_a_refusal(receiver: Web) -> None:
    receiver.body = b'{"code": 7, "message": "no credit"}'
    options = GatewayOptions(address=receiver.url, succeeds='"code": 0')
    fields = '{"title": "", "text": "", "level": "", "what": "", "id": ""}'
    [outcome] = carried(GatewaySender(HERE, ""), Target("g", options.model_dump()), [Message("", fields)])
    assert type(outcome).__name__ == "Refused"
    assert "no credit" in getattr(outcome, "why", "")
