"""SIP messages and digests: published examples, broken heads, and that no bytes break the parser."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DecodeError
from ingest.gateways import gb28181_sip as sip
from tests.ingest.gateways.cameras import DEVICE, request

SOURCE = ("192.168.2.64", 5061)
# in the form a camera was seen to send
KEEPALIVE = b"""MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r
Via: SIP/2.0/UDP 192.168.2.64:5060;rport;branch=z9hG4bK731488522\r
From: <sip:34020000001320000264@3402000000>;tag=174592740\r
To: <sip:34020000002000000001@3402000000>\r
Call-ID: 887872640\r
CSeq: 20 MESSAGE\r
Content-Type: Application/MANSCDP+xml\r
Max-Forwards: 70\r
User-Agent: IP Camera\r
Content-Length: 5\r
\r
<a/>\nrest that belongs to nobody"""


def test_message_of_a_camera_is_read() -> None:
    message = sip.parse(KEEPALIVE)
    assert (message.method, message.device, message.branch) == ("MESSAGE", "34020000001320000264", "z9hG4bK731488522")
    assert (message.first("cseq"), message.body) == ("20 MESSAGE", b"<a/>\n")


def test_compact_names_and_folded_lines_mean_the_same() -> None:
    short = (
        KEEPALIVE.replace(b"Via:", b"v :").replace(b"From:", b"f:").replace(b"To:", b"t:").replace(b"Call-ID:", b"i:")
    )
    short = short.replace(b"Content-Length:", b"l:").replace(b";rport;", b";rport\r\n ;")
    assert sip.parse(short).headers == sip.parse(KEEPALIVE.replace(b";rport;", b";rport ;")).headers


def test_response_copies_what_it_must_and_tells_the_source() -> None:
    response = sip.parse(sip.respond(sip.parse(KEEPALIVE), 200, "abc", SOURCE))
    assert response.is_response
    assert response.start == "SIP/2.0 200 OK"
    assert (
        response.first("via")
        == "SIP/2.0/UDP 192.168.2.64:5060;branch=z9hG4bK731488522;received=192.168.2.64;rport=5061"
    )
    assert response.first("to") == "<sip:34020000002000000001@3402000000>;tag=abc"
    assert [response.first(name) for name in ("from", "call-id", "cseq")] == [
        "<sip:34020000001320000264@3402000000>;tag=174592740",
        "887872640",
        "20 MESSAGE",
    ]


def test_every_via_goes_back_in_its_order() -> None:
    via = (
        b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1, SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK2\r\nVia: SIP/2.0/UDP 10.0.0.3"
    )
    message = sip.parse(KEEPALIVE.replace(b"Via: SIP/2.0/UDP 192.168.2.64:5060;rport;branch=z9hG4bK731488522", via))
    assert message.branch == "z9hG4bK1"
    assert sip.parse(sip.respond(message, 200, "abc", SOURCE)).all("via") == [
        "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.168.2.64, SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK2",
        "SIP/2.0/UDP 10.0.0.3",
    ]


ADDRESSES = [
    ("SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bK1", SOURCE),
    ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1", ("192.168.2.64", 5070)),
    ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", ("192.168.2.64", 5060)),
    ("SIP/2.0/UDP 10.0.0.1:99999;branch=z9hG4bK1", SOURCE),
]


@pytest.mark.parametrize(("via", "address"), ADDRESSES)
def test_response_goes_where_the_via_says(via: str, address: tuple[str, int]) -> None:
    assert sip.answer_address(via, SOURCE) == address


BROKEN = [
    (b"", "head"),
    (KEEPALIVE.replace(b"\r\n\r\n", b"\r\n"), "head"),
    (KEEPALIVE.replace(b"Max-Forwards: 70", b"Max-Forwards 70"), "head"),
    (KEEPALIVE.replace(b"Max-Forwards: 70", b"Max-Forwards: 70\nX: y"), "head"),
    (KEEPALIVE.replace(b"Max-Forwards: 70", b"Max-Forwards: 7\0"), "head"),
    (KEEPALIVE.replace(b"Max-Forwards: 70", b"X: y" + b"\r\nX: y" * 70), "head"),
    (KEEPALIVE.replace(b"Max-Forwards: 70", b"X: " + b"y" * 9000), "head"),
    (KEEPALIVE.replace(b" SIP/2.0\r", b" HTTP/1.1\r"), "start"),
    (KEEPALIVE.replace(b"MESSAGE sip", b"MESS(AGE sip", 1), "start"),
    (b"SIP/2.0 900 Odd" + KEEPALIVE[KEEPALIVE.index(b"\r\nVia") :], "start"),
    (KEEPALIVE.replace(b"Via:", b"X-Via:"), "via"),
    (KEEPALIVE.replace(b"CSeq: 20 MESSAGE", b"CSeq:"), "cseq"),
    (KEEPALIVE.replace(b"Content-Length: 5", b"Content-Length: 500"), "content-length"),
    (KEEPALIVE.replace(b"Content-Length: 5", b"Content-Length: -5"), "content-length"),
    (KEEPALIVE.replace(b"Content-Length: 5", b"Content-Length: 65537"), "content-length"),
]


@pytest.mark.parametrize(("data", "field"), BROKEN, ids=[field for _, field in BROKEN])
def test_broken_message_names_the_field(data: bytes, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        sip.parse(data)
    assert caught.value.field == field


@pytest.mark.parametrize("sender", [b"<sip:camera@3402000000>", b"<sip:3402000000132000026@3402000000>", b"nobody"])
def test_sender_without_twenty_digits_is_refused(sender: bytes) -> None:
    message = sip.parse(KEEPALIVE.replace(b"<sip:34020000001320000264@3402000000>", sender))
    with pytest.raises(DecodeError) as caught:
        message.device  # noqa: B018
    assert caught.value.field == "from"


@given(st.binary(max_size=300), st.integers(0, len(KEEPALIVE)), st.integers(0, len(KEEPALIVE)))
def test_no_bytes_raise_anything_but_a_decode_error(noise: bytes, start: int, end: int) -> None:
    for data in (noise, KEEPALIVE[:start] + noise + KEEPALIVE[end:]):
        with suppress(DecodeError):
            message = sip.parse(data)
            sip.answer_address(message.first("via"), SOURCE)
            sip.read_authorization(message.first("authorization"))
            assert sip.parse(sip.respond(message, 200, "t", SOURCE)).is_response
            assert message.device


@given(st.binary(max_size=2000))
def test_body_comes_back_as_it_was(body: bytes) -> None:
    message = sip.parse(request("MESSAGE", body))
    assert (message.method, message.device, message.body) == ("MESSAGE", DEVICE, body)


RFC2617 = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)


def test_digest_is_that_of_rfc_2617_section_3_5() -> None:
    given = sip.read_authorization(RFC2617)
    assert sip.digest_response(given, "GET", "testrealm@host.com", "Mufasa", "Circle Of Life") == given["response"]


def test_digest_without_quality_of_protection_is_that_of_rfc_2069() -> None:
    given = {"nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093", "uri": "/dir/index.html"}
    # RFC 2069 section 2.4 with the correction of its erratum 749
    expected = "1949323746fe6a43ef61f9606e7febea"
    assert sip.digest_response(given, "GET", "testrealm@host.com", "Mufasa", "CircleOfLife") == expected


def test_other_schemes_are_no_digest() -> None:
    assert sip.read_authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == {}


def test_nonce_lives_a_while_and_once() -> None:
    nonces = sip.Nonces(b"key", life_s=60)
    nonce = nonces.make(1000.0)
    assert nonces.is_fresh(nonce, 1000.0)
    assert nonces.is_fresh(nonce, 1060.0)
    assert not nonces.is_fresh(nonce, 1061.0)
    assert not nonces.is_fresh(nonce, 999.0)
    nonces.use(nonce, 1001.0)
    assert not nonces.is_fresh(nonce, 1002.0)


@pytest.mark.parametrize("nonce", ["", "1000.000000-", "1000.000000-" + "0" * 32, "x-y", "1000.0é-z"])
def test_nonce_that_we_did_not_make_is_none(nonce: str) -> None:
    assert not sip.Nonces(b"key").is_fresh(nonce, 1000.0)


def test_used_nonces_are_bounded() -> None:
    nonces = sip.Nonces(b"key", most=2)
    made = [nonces.make(1000.0 + number) for number in range(3)]
    for nonce in made:
        nonces.use(nonce, 1010.0)
    assert [nonces.is_fresh(nonce, 1010.0) for nonce in made] == [True, False, False]
