"""A gateway of somebody else that speaks HTTP (SMS, voice, another chat): its request is a template.

In address, headers and body `{title}`, `{text}`, `{level}`, `{what}`, `{id}`, `{to}` and `{secret}` are filled in; in
JSON and in addresses they are written so that nothing of them can end the text they stand in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote, quote_plus

from pydantic import AfterValidator, Field, model_validator

from alerts.senders.base import Delivery, Message, Options, Outcome, Reads, Refused, SenderKind, Target
from alerts.senders.http import Allowed, Line, check_address, in_order, outcome_of, parse_allowed
from alerts.senders.words import alarm_for, tell
from core.faults import unfit
from core.settings import Settings

FIELDS = ("title", "text", "level", "what", "id", "to", "secret")
PLACE = re.compile(r"\{([a-z]+)\}")
Header = Annotated[str, Field(max_length=1000, pattern=r"^[\x20-\x7e]*$")]
HeaderName = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9-]+$")]
# what the connection itself says
TAKEN = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type"})


def check_template(value: str) -> str:
    unknown = next((name for name in PLACE.findall(value) if name not in FIELDS), None)
    if unknown is not None:
        raise unfit(
            "template_field",
            "expected none but these in braces: {fields}; got {got}",
            fields=", ".join(FIELDS),
            got=unknown,
        )
    return value


def check_template_address(value: str) -> str:
    """What is filled in stands behind the host."""
    head, _, _ = value.partition("{")
    check_address(PLACE.sub("x", value))
    if "{" in value and head.count("/") < 3:
        raise unfit("template_host", "nothing may be filled in before the path of an address")
    return check_template(value)


class GatewayOptions(Options):
    address: Annotated[str, Field(max_length=2000), AfterValidator(check_template_address)]
    method: Literal["POST", "PUT", "GET"] = "POST"
    form: Literal["json", "form", "text"] = Field("json", description="what the body is")
    headers: Annotated[dict[HeaderName, Annotated[Header, AfterValidator(check_template)]], Field(max_length=20)] = (
        Field(default_factory=dict)
    )
    body: Annotated[str, Field(max_length=10_000), AfterValidator(check_template)] = ""
    to: str = Field("", max_length=500, description="who: telephone numbers as the gateway takes them")
    succeeds: str | None = Field(
        None, max_length=200, description="what its answer holds where it was taken, beside a status of 2xx"
    )
    secret: str | None = Field(None, min_length=1, max_length=1000, json_schema_extra={"secret": True})

    @model_validator(mode="after")
    def body_is_json(self) -> GatewayOptions:
        if self.form == "json" and self.body:
            try:
                json.loads(PLACE.sub("0", self.body))
            except ValueError as exc:
                raise unfit("template_json", "the body is no JSON once it is filled in") from exc
        if any(name.lower() in TAKEN for name in self.headers):
            raise unfit("template_header", "the connection itself says this header")
        return self


def fill(template: str, fields: Mapping[str, str], write: Callable[[str], str]) -> str:
    return PLACE.sub(lambda found: write(fields[found[1]]), template)


def in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def in_header(value: str) -> str:
    """What no header can hold is left out."""
    return re.sub(r"[^\x20-\x7e]", "", value)


WRITERS: Mapping[str, tuple[Callable[[str], str], str]] = {
    "json": (in_json, "application/json"),
    "form": (quote_plus, "application/x-www-form-urlencoded"),
    "text": (lambda value: value, "text/plain; charset=utf-8"),
}


class GatewaySender:
    def __init__(self, allowed: Allowed, public_url: str) -> None:
        self._allowed, self._public_url = allowed, public_url

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        told = tell(reads, delivery, to, now, self._public_url)
        if told is None:
            return None
        alarm = alarm_for(reads, delivery.subject, to.scope) if delivery.kind == "alarm" else None
        fields = {
            "title": told.title,
            "text": told.text,
            "level": str(alarm["level"]) if alarm else "",
            "what": delivery.what,
            "id": delivery.subject,
        }
        return Message(told.title, json.dumps(fields, ensure_ascii=False), str(delivery.id))

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        options = GatewayOptions.model_validate(dict(to.options))
        return in_order(messages, lambda one: self._ask(options, to.secrets.get("secret", ""), one))

    def _ask(self, options: GatewayOptions, secret: str, message: Message) -> Outcome:
        fields = {**json.loads(message.payload), "to": options.to, "secret": secret}
        write, content = WRITERS[options.form]
        address = fill(options.address, fields, lambda value: quote(value, safe=""))
        headers = {name: fill(value, fields, in_header) for name, value in options.headers.items()}
        body = fill(options.body, fields, write).encode()
        line = Line(address, self._allowed)
        try:
            answer = line.ask(options.method, body, {"Content-Type": content, **headers})
        finally:
            line.close()
        outcome = outcome_of(answer)
        if 200 <= answer.status < 300 and options.succeeds and options.succeeds.encode() not in answer.body:
            return Refused(f"the gateway answers {answer.body[:200].decode('utf-8', 'replace')}")
        return outcome

    def close(self) -> None:
        """Nothing stays open between messages."""


def make_gateway(settings: Settings) -> GatewaySender:
    return GatewaySender(parse_allowed(settings.send_hosts), settings.public_url)


GATEWAY = SenderKind("gateway", make_gateway, GatewayOptions, first_s=3.0, most_s=300.0, at_once=20)
