"""Mail by the server of ONEMAP_SMTP_URL: plain text and HTML of the same words, threads by alarm, TLS unless the server
is on this machine.

RFC 5321 for what an answer means: 4yz may be right later, 5yz never for this recipient.
"""

from __future__ import annotations

import html
import json
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field

from alerts.senders.base import Delivery, Later, Message, Options, Outcome, Reads, Refused, SenderKind, Sent, Target
from alerts.senders.words import Told, mark, tell
from core.clock import utc_now
from core.faults import unfit
from core.i18n import say
from core.settings import Settings

TIMEOUT_S = 10.0
PORTS = {"smtp": 587, "smtps": 465}


def check_mail(value: str) -> str:
    """One address, without a name."""
    try:
        found = MailAddress(addr_spec=value)
    except (ValueError, IndexError, MessageError) as exc:
        raise unfit("mail_address", "expected an address such as name@example.org") from exc
    if not found.username or not found.domain or not value.isascii() or any(sign.isspace() for sign in value):
        raise unfit("mail_address", "expected an address such as name@example.org")
    return value


class MailOptions(Options):
    to: Annotated[
        tuple[Annotated[str, Field(max_length=254), AfterValidator(check_mail)], ...],
        Field(min_length=1, max_length=20, description="addresses, all in one message"),
    ]


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in. `tls`: at once (`smtps`), asked for (`starttls`), or none, on this machine only."""

    host: str
    port: int
    tls: str
    username: str | None
    password: str | None
    sender: str
    public_url: str


def read_server(settings: Settings) -> Server | None:
    """None where no mail server is set."""
    if not settings.smtp_url:
        return None
    parts = urlsplit(settings.smtp_url)
    host = parts.hostname or "localhost"
    plain = host in ("127.0.0.1", "::1", "localhost") and parts.scheme == "smtp"
    return Server(
        host,
        parts.port or PORTS[parts.scheme],
        "smtps" if parts.scheme == "smtps" else "none" if plain else "starttls",
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        settings.mail_from,
        settings.public_url,
    )


class MailSender:
    """A connection for each batch."""

    def __init__(self, server: Server | None, public_url: str) -> None:
        self._server, self._public_url = server, public_url

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        told = tell(reads, delivery, to, now, self._public_url)
        if told is None:
            return None
        home = reads.home
        payload = {
            "title": told.title,
            "lines": told.lines,
            "url": told.url,
            "thread": f"{delivery.kind}-{delivery.subject}.{home}@onemap.invalid",
        }
        return Message(told.title, json.dumps(payload, ensure_ascii=False), f"{delivery.id}.{home}@onemap.invalid")

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        if self._server is None:
            return [Later("no mail server is set: ONEMAP_SMTP_URL")] * len(messages)
        try:
            server = connect(self._server)
        except (OSError, smtplib.SMTPException) as exc:
            return [Later(f"the mail server does not take mail: {exc}")] * len(messages)
        with server:
            if to.together and len(messages) > 1:
                return [hand_in(server, compose(self._server, to, messages))] * len(messages)
            outcomes: list[Outcome] = []
            for message in messages:
                if outcomes and isinstance(outcomes[-1], Later):
                    outcomes.append(Later("what came before it did not go out"))
                else:
                    outcomes.append(hand_in(server, compose(self._server, to, [message])))
            return outcomes

    def close(self) -> None:
        """Nothing stays open between batches."""


def connect(server: Server) -> smtplib.SMTP:
    """Ready to take mail. Raises OSError and SMTPException."""
    context = ssl.create_default_context()
    made: smtplib.SMTP
    if server.tls == "smtps":
        made = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    else:
        made = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    try:
        if server.tls == "starttls":
            made.starttls(context=context)
        if server.username is not None:
            made.login(server.username, server.password or "")
    except BaseException:
        made.close()
        raise
    return made


def compose(server: Server, to: Target, messages: Sequence[Message]) -> EmailMessage:
    """One message of one or more deliveries, the newest last."""
    told = [json.loads(one.payload) for one in messages]
    parts = [Told(one["title"], tuple((n, v) for n, v in one["lines"]), one["url"]) for one in told]
    title = parts[0].title if len(parts) == 1 else say("told.together", count=len(parts))[to.lang]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = server.sender
    mail["To"] = ", ".join(_names(to.options["to"]))
    mail["Subject"] = " ".join(title.split())
    mail["Date"] = format_datetime(utc_now())
    mail["Message-ID"] = f"<{messages[0].id}>"
    if len(parts) == 1:
        mail["References"] = f"<{told[0]['thread']}>"
    # RFC 3834: no answers by machines
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = "zh-CN" if to.lang == "zh" else "en"
    mail.set_content("\n\n".join(part.text for part in parts) + "\n", cte="base64")
    mail.add_alternative(as_html(parts, to.lang), subtype="html", cte="base64")
    return mail


def _names(given: object) -> list[str]:
    return [str(one) for one in given] if isinstance(given, list | tuple) else []


def as_html(parts: Sequence[Told], lang: str) -> str:
    """A page without pictures, scripts or anything to fetch."""

    def section(part: Told) -> str:
        rows = "".join(
            f"<tr><th align='left' valign='top' style='padding:2px 12px 2px 0;font-weight:normal;color:#555'>"
            f"{html.escape(name)}{mark(name).strip()}</th><td style='padding:2px 0'>{html.escape(value)}</td></tr>"
            for name, value in part.lines
        )
        link = (
            f"<p><a href='{html.escape(part.url, quote=True)}'>{html.escape(say('told.open')[lang])}</a></p>"
            if part.url
            else ""
        )
        return f"<h1 style='font-size:18px;margin:16px 0 8px'>{html.escape(part.title)}</h1><table>{rows}</table>{link}"

    inside = "".join(map(section, parts))
    code = "zh-CN" if lang == "zh" else "en"
    return (
        f"<!doctype html><html lang='{code}'><head><meta charset='utf-8'></head>"
        f"<body style='font-family:sans-serif;font-size:15px;line-height:1.5'>{inside}</body></html>"
    )


def hand_in(server: smtplib.SMTP, mail: EmailMessage) -> Outcome:
    try:
        refused = server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as exc:
        codes = [code for code, _ in exc.recipients.values()]
        why = f"no recipient was taken: {_reason(exc.recipients)}"
        return Refused(why) if all(500 <= code < 600 for code in codes) else Later(why)
    except smtplib.SMTPResponseException as exc:
        why = f"the mail server answers {exc.smtp_code}: {_words(exc.smtp_error)}"
        return Refused(why) if 500 <= exc.smtp_code < 600 else Later(why)
    except (OSError, smtplib.SMTPException) as exc:
        return Later(f"the mail server does not answer: {exc}")
    return Sent() if not refused else Refused(f"some recipients were not taken: {_reason(refused)}")


def _reason(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{to}: {code} {_words(said)}" for to, (code, said) in refused.items())


def _words(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def make_mail(settings: Settings) -> MailSender:
    return MailSender(read_server(settings), settings.public_url)


MAIL = SenderKind("mail", make_mail, MailOptions, first_s=5.0, most_s=600.0, at_once=50)
