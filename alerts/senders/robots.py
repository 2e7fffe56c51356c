"""Robots of group chats: 企业微信 (WeCom) and 钉钉 (DingTalk), each by its maker's documentation of group robots.

WeCom takes a key in the address; DingTalk a token, and where the robot has one, a signature: base64 of HMAC-SHA256 of
"timestamp\\nsecret" by the secret, with the time in milliseconds. Both answer 200 with an `errcode`, 0 where the
message was taken.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from pydantic import Field

from alerts.senders.base import Delivery, Later, Message, Options, Outcome, Reads, Refused, SenderKind, Sent, Target
from alerts.senders.http import Address, Allowed, Answer, Line, Lines, in_order, outcome_of, parse_allowed
from alerts.senders.words import tell
from core.clock import utc_now
from core.settings import Settings

WECOM_ADDRESS = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
DINGTALK_ADDRESS = "https://oapi.dingtalk.com/robot/send"
# what a robot says when it is asked too often, and how long it then wants to be left alone (20 messages a minute each)
TOO_OFTEN = frozenset({45009, 130101, 660026})
REST_S = 60.0
# WeCom: 2048 bytes of text; DingTalk: 20,000
WECOM_BYTES, DINGTALK_BYTES = 2048, 20_000


class WecomOptions(Options):
    key: str = Field(
        min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$", json_schema_extra={"secret": True},
        description="`key` in the robot's address",
    )  # fmt: skip
    address: Address = Field(WECOM_ADDRESS, description="of a private installation; else leave it as it is")


class DingtalkOptions(Options):
    token: str = Field(
        min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$", json_schema_extra={"secret": True},
        description="`access_token` in the robot's address",
    )  # fmt: skip
    secret: str | None = Field(
        None, min_length=1, max_length=200, json_schema_extra={"secret": True},
        description="where the robot signs (SEC...)",
    )  # fmt: skip
    address: Address = Field(DINGTALK_ADDRESS, description="of a private installation; else leave it as it is")


def wecom_query(secrets: Mapping[str, str], _: datetime) -> str:
    return urlencode({"key": secrets["key"]})


def dingtalk_query(secrets: Mapping[str, str], moment: datetime) -> str:
    query = {"access_token": secrets["token"]}
    secret = secrets.get("secret")
    if secret:
        stamp = str(round(moment.timestamp() * 1000))
        signed = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
        query |= {"timestamp": stamp, "sign": base64.b64encode(signed).decode()}
    return urlencode(query)


@dataclass(frozen=True, slots=True)
class Robot:
    """How one maker's robots are asked."""

    query: Callable[[Mapping[str, str], datetime], str]
    most_bytes: int


class RobotSender:
    """Text messages; what waits for a robot goes in one where the subscription wants it so."""

    def __init__(
        self, robot: Robot, allowed: Allowed, public_url: str, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._robot, self._lines, self._public_url, self._clock = robot, Lines(allowed), public_url, clock

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        told = tell(reads, delivery, to, now, self._public_url)
        return None if told is None else Message(told.title, told.text, str(delivery.id))

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        with self._lines.to(to.id, str(to.options["address"])) as line:
            if to.together and len(messages) > 1:
                words = "\n\n".join(one.payload for one in messages)
                return in_order([Message("", words)], lambda one: self._post(line, to, one)) * len(messages)
            return in_order(messages, lambda one: self._post(line, to, one))

    def _post(self, line: Line, to: Target, message: Message) -> Outcome:
        words = shortened(message.payload, self._robot.most_bytes)
        body = json.dumps({"msgtype": "text", "text": {"content": words}}, ensure_ascii=False).encode()
        query = self._robot.query(to.secrets, self._clock())
        return said_by(line.ask("POST", body, {"Content-Type": "application/json"}, query))

    def close(self) -> None:
        self._lines.close()


def shortened(words: str, most_bytes: int) -> str:
    """So that it is taken: a text that is too long ends in …, never within a character."""
    raw = words.encode()
    return words if len(raw) <= most_bytes else raw[: most_bytes - 3].decode("utf-8", "ignore") + "…"


def said_by(answer: Answer) -> Outcome:
    """What a robot's answer means."""
    outcome = outcome_of(answer)
    if not isinstance(outcome, Sent):
        return outcome
    try:
        said = json.loads(answer.body)
        code, words = int(said["errcode"]), str(said.get("errmsg", ""))
    except (ValueError, KeyError, TypeError):
        return Later("it does not answer as a robot does")
    if code == 0:
        return Sent()
    why = f"the robot answers {code}: {words[:200]}"
    return Later(why, REST_S) if code in TOO_OFTEN else Refused(why)


def make_wecom(settings: Settings) -> RobotSender:
    return RobotSender(Robot(wecom_query, WECOM_BYTES), parse_allowed(settings.send_hosts), settings.public_url)


def make_dingtalk(settings: Settings) -> RobotSender:
    return RobotSender(Robot(dingtalk_query, DINGTALK_BYTES), parse_allowed(settings.send_hosts), settings.public_url)


WECOM = SenderKind("wecom", make_wecom, WecomOptions, first_s=3.0, most_s=300.0, at_once=20)
DINGTALK = SenderKind("dingtalk", make_dingtalk, DingtalkOptions, first_s=3.0, most_s=300.0, at_once=20)
