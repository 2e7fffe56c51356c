"""Mail as it is handed in: words of both kinds, threads by alarm, what an answer of the server means."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, text

from alerts.senders import Delivery, Later, Message, Reads, Refused, Sent, Target
from alerts.senders.mail import MailOptions, MailSender, make_mail, read_server
from core.settings import Settings
from tests.alerts.helpers import change
from tests.alerts.senders.receivers import Post, post
from tests.support import now

TO = Target("m", {"to": ["duty@example.org", "chief@example.org"]})


@pytest.fixture
def server() -> Iterator[Post]:
    with post() as found:
        yield found


def sender_of(server: Post) -> MailSender:
    return make_mail(Settings(smtp_url=server.url, mail_from="map@example.org", public_url="https://map.example.org"))


def mails(db: Engine, sender: MailSender, to: Target = TO) -> list[Message]:
    """Of the beginning of an alarm whose thing has a name that HTML could be."""
    with db.begin() as conn:
        if not conn.scalar(text("SELECT 1 FROM alarm")):
            change(conn, 1, now())
            conn.execute(
                text("""UPDATE alarm SET names = '{"zh": "<b>一号&二号</b>\\nBcc: x@y.z", "en": "<b>one</b>"}'""")
            )
        alarm = str(conn.scalar(text("SELECT id FROM alarm")))
        made = [
            sender.render(Reads(conn), Delivery(n, "alarm", alarm, "raised", None, None, 0, now()), to, now())
            for n in (1, 2)
        ]
    return [one for one in made if one is not None]


def test_text_and_html_say_the_same_and_nothing_of_a_name_is_markup(fresh_engine: Engine, server: Post) -> None:
    sender = sender_of(server)
    assert sender.send(TO, mails(fresh_engine, sender)) == [Sent(), Sent()]
    first, second = server.heard
    assert server.recipients[0] == ["duty@example.org", "chief@example.org"]
    plain, page = first.get_body(("plain",)), first.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert "<b>一号&二号</b>" in plain.get_content()
    assert "&lt;b&gt;一号&amp;二号&lt;/b&gt;" in page.get_content()
    assert "<b>" not in page.get_content()
    assert "https://map.example.org/?open=alarm/" in plain.get_content()
    assert "一级告警" in first["Subject"]
    assert first["Bcc"] is None, "a line end in a name begins no header"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["References"] == second["References"], "one alarm is one thread"
    assert first["Message-ID"] != second["Message-ID"]


def test_what_waits_goes_in_one_where_it_is_wanted_so(fresh_engine: Engine, server: Post) -> None:
    sender, to = sender_of(server), Target("m", TO.options, together=True)
    assert sender.send(to, mails(fresh_engine, sender, to)) == [Sent(), Sent()]
    [mail] = server.heard
    assert "2 条告警变化" in mail["Subject"]


@pytest.mark.parametrize(("answer", "kind"), [("451 later", Later), ("550 nobody here", Refused)])
def test_what_the_servers_answer_means(fresh_engine: Engine, server: Post, answer: str, kind: type) -> None:
    sender = sender_of(server)
    server.answers = [answer]
    outcomes = sender.send(TO, mails(fresh_engine, sender))
    assert isinstance(outcomes[0], kind)
    assert isinstance(outcomes[1], Later if kind is Later else Sent)


def test_without_a_server_it_waits_and_says_which_setting(fresh_engine: Engine) -> None:
    sender = make_mail(Settings())
    [outcome, _] = sender.send(TO, mails(fresh_engine, sender))
    assert isinstance(outcome, Later)
    assert "ONEMAP_SMTP_URL" in outcome.why


def test_only_this_machine_is_spoken_to_in_the_open() -> None:
    def tls(url: str) -> str:
        server = read_server(Settings(smtp_url=url))
        assert server is not None
        return server.tls

    assert tls("smtp://127.0.0.1:25") == "none"
    assert tls("smtp://mail.example.org") == "starttls"
    assert tls("smtps://mail.example.org") == "smtps"


@pytest.mark.parametrize("address", ["nobody", "a@", "@b", "a b@c.d", "x@y.z>, <q@r.s", "a@b\nBcc: c@d.e"])
def test_what_is_no_mail_address_is_said_at_its_field(address: str) -> None:
    with pytest.raises(ValidationError) as caught:
        MailOptions(to=(address,))
    assert caught.value.errors()[0]["loc"] == ("to", 0)
