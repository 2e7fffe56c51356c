"""Certificates that `up --tls` makes: for whom, for how long, and when new ones are made. No processes."""

from __future__ import annotations

import asyncio
import ssl
import stat
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.verification import PolicyBuilder, Store

from app.health.certificate import check_certificate
from app.services.account import service_account
from app.services.authority import Authority, Pair, issue, make_authority, names_of, read_pair, why_renew, write_pair
from app.services.certificates import find_certificates
from app.services.mosquitto import Doors, config_text, make_broker
from app.services.names import Names, machine_names, names_wanted, sort_names
from app.shown import Shown
from core.clock import utc_now
from core.errors import SetupError
from core.settings import Settings
from core.tls import check_pair, trust_holder
from ingest.doors.files import write_certificate

NOW = datetime(2026, 5, 4, tzinfo=UTC)
NAMES = sort_names(["localhost", "map.example.org", "127.0.0.1", "::1"])


@pytest.fixture(scope="module")
def authority() -> Pair:
    return make_authority("city-hall", NOW)


def years(number: float) -> timedelta:
    return timedelta(days=365 * number)


# --- what they say ----------------------------------------------------------------------------------------------------


def verify(authority: Pair, server: Pair, name: str, at: datetime) -> None:
    """By the rules of the web's PKI; raises VerificationError."""
    builder = PolicyBuilder().store(Store([authority.certificate])).time(at)
    subject = x509.IPAddress(ip_address(name)) if name[0] in "1:" else x509.DNSName(name)
    builder.build_server_verifier(subject).verify(server.certificate, [])


@pytest.mark.parametrize("name", ["localhost", "map.example.org", "127.0.0.1", "::1"])
def test_certificate_is_good_for_each_of_its_names(name: str, authority: Pair) -> None:
    verify(authority, issue(authority, NAMES, NOW), name, NOW + timedelta(days=390))


@pytest.mark.parametrize(("name", "after"), [("other.example.org", 1), ("localhost", 400), ("localhost", -3)])
def test_certificate_is_good_for_nothing_else(name: str, after: int, authority: Pair) -> None:
    with pytest.raises(x509.verification.VerificationError):
        verify(authority, issue(authority, NAMES, NOW), name, NOW + timedelta(days=after))


def test_other_authority_is_not_believed(authority: Pair) -> None:
    with pytest.raises(x509.verification.VerificationError):
        verify(make_authority("city-hall", NOW), issue(authority, NAMES, NOW), "localhost", NOW)


def test_lives_are_what_phones_accept(authority: Pair) -> None:
    """Apple: 398 days at most, the days before it is handed out counted in; an extended key usage; SHA-256."""
    certificate = issue(authority, NAMES, NOW).certificate
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=398)
    assert certificate.not_valid_before_utc < NOW
    assert certificate.signature_hash_algorithm is not None
    assert certificate.signature_hash_algorithm.name == "sha256"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]
    assert authority.certificate.not_valid_after_utc > NOW + years(9)


def test_only_the_authority_may_sign_and_only_servers(authority: Pair) -> None:
    server = issue(authority, NAMES, NOW)
    for pair, signs in ((authority, True), (server, False)):
        constraints = pair.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = pair.certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert constraints.critical
        assert usage.critical
        assert (constraints.value.ca, usage.value.key_cert_sign) == (signs, signs)
        assert usage.value.digital_signature is not signs
    assert authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_certificate_never_outlives_its_authority(authority: Pair) -> None:
    late = NOW + years(9.8)
    assert issue(authority, NAMES, late).certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc


# --- when they are renewed --------------------------------------------------------------------------------------------

RENEWALS: list[tuple[str, timedelta, Iterable[str], str | None]] = [
    ("it is new", timedelta(0), [], None),
    ("half of its life is over", timedelta(days=200), [], None),
    ("it ends within a month", timedelta(days=370), [], "ends at"),
    ("it has ended", timedelta(days=500), [], "ends at"),
    ("a name has come", timedelta(0), ["10.0.0.7", "sea.example.org"], "lacks sea.example.org, 10.0.0.7"),
]


@pytest.mark.parametrize(("case", "after", "more", "why"), RENEWALS, ids=[c[0] for c in RENEWALS])
def test_renewal_has_a_reason(
    case: str, after: timedelta, more: Iterable[str], why: str | None, authority: Pair
) -> None:
    wanted = sort_names(["localhost", "127.0.0.1", *more])
    told = why_renew(issue(authority, NAMES, NOW), authority, wanted, NOW + after)
    assert (why in (told or "")) if why else told is None


def test_certificate_of_another_authority_is_replaced(authority: Pair) -> None:
    server = issue(make_authority("city-hall", NOW), NAMES, NOW)
    assert "another authority" in str(why_renew(server, authority, NAMES, NOW))


def test_folder_keeps_its_authority_and_renews_what_ends(tmp_path: Path) -> None:
    kept = Authority(tmp_path / "tls")
    assert len(kept.keep("vm", NAMES, NOW)) == 2
    first = kept.certificate.read_bytes(), kept.server_certificate.read_bytes()
    assert kept.keep("vm", NAMES, NOW + timedelta(days=300)) == []
    [said] = kept.keep("vm", NAMES, NOW + timedelta(days=380))
    assert "a new certificate" in said
    assert kept.certificate.read_bytes() == first[0]
    assert kept.server_certificate.read_bytes() != first[1]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.folder.iterdir()} == {0o600}
    said_last = kept.keep("vm", NAMES, NOW + years(9.99))
    assert "local authority" in said_last[0]
    assert len(said_last) == 2


def test_authority_that_was_damaged_is_not_replaced_unseen(tmp_path: Path) -> None:
    kept = Authority(tmp_path)
    kept.keep("vm", NAMES, NOW)
    (tmp_path / "ca.key").write_text("rubbish")
    with pytest.raises(SetupError, match="bring them back"):
        kept.keep("vm", NAMES, NOW)
    write_pair(make_authority("vm", NOW), tmp_path / "other.crt", tmp_path / "ca.key")
    with pytest.raises(SetupError, match="not that of the certificate"):
        kept.keep("vm", NAMES, NOW)


def test_server_certificate_that_was_damaged_is_made_anew(tmp_path: Path) -> None:
    kept = Authority(tmp_path)
    kept.keep("vm", NAMES, NOW)
    kept.server_key.unlink()
    assert len(kept.keep("vm", NAMES, NOW)) == 1
    check_pair(kept.server_certificate, kept.server_key)


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_are_those_that_people_and_devices_use() -> None:
    settings = Settings(
        public_url="https://map.example.org:8443",
        device_url="mqtts://mqtt.example.org",
        http_host="0.0.0.0",
        device_host="10.1.2.3",
        tls_names="一张图.example, 192.0.2.7,",
    )
    names = names_wanted(settings)
    assert {"localhost", "map.example.org", "mqtt.example.org", "xn--4gq02tp2g.example"} <= set(names.hosts)
    assert {"127.0.0.1", "::1", "10.1.2.3", "192.0.2.7"} <= {str(one) for one in names.addresses}
    assert "0.0.0.0" not in {str(one) for one in names.addresses}
    assert not sort_names(machine_names()).without(names), "the machine's own"


@pytest.mark.parametrize("name", ["two words", "https://map", "-x", "a..b", "*", "例 子"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(SetupError) as caught:
        sort_names([name])
    assert caught.value.field == "ONEMAP_TLS_NAMES"


def test_names_are_read_back(authority: Pair) -> None:
    assert names_of(issue(authority, NAMES, NOW).certificate) == NAMES
    assert Names((), ()).without(NAMES) == []


# --- who uses them ----------------------------------------------------------------------------------------------------


def test_certificate_and_key_go_together(tmp_path: Path) -> None:
    assert Settings().tls_files() is None
    for given, lacking in (({"tls_cert": tmp_path}, "ONEMAP_TLS_KEY"), ({"tls_key": tmp_path}, "ONEMAP_TLS_CERT")):
        with pytest.raises(SetupError) as caught:
            Settings(**given).tls_files()
        assert caught.value.field == lacking


def test_key_with_a_passphrase_is_refused_and_nobody_asked(tmp_path: Path, authority: Pair) -> None:
    server = issue(authority, NAMES, NOW)
    write_pair(server, tmp_path / "c", tmp_path / "k")
    locked = server.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    (tmp_path / "k").write_bytes(locked)
    with pytest.raises(SetupError, match="without a passphrase"):
        check_pair(tmp_path / "c", tmp_path / "k")


def test_broker_gets_what_it_can_use_only(tmp_path: Path, authority: Pair) -> None:
    cert, key = tmp_path / "c", tmp_path / "k"
    write_pair(issue(authority, NAMES, NOW), cert, key)
    folder = tmp_path / "broker"
    folder.mkdir()
    assert write_certificate(folder, cert, key)
    assert not write_certificate(folder, cert, key)
    before = (folder / "server.key").read_text()
    write_pair(issue(authority, NAMES, NOW), tmp_path / "other", key)
    with pytest.raises(SetupError):
        write_certificate(folder, cert, key)
    assert (folder / "server.key").read_text() == before
    assert stat.S_IMODE((folder / "server.key").stat().st_mode) == 0o600


def test_page_takes_up_a_renewed_certificate_and_leaves_a_broken_one(tmp_path: Path, authority: Pair) -> None:
    cert, key = tmp_path / "c", tmp_path / "k"
    write_pair(issue(authority, NAMES, NOW), cert, key)
    shown = Shown(cert, key)
    context = shown.make_context(None, ssl.create_default_context)  # type: ignore[arg-type]

    def loaded() -> int:
        asyncio.run(shown.look())
        return handshake(context)

    first = loaded()
    key.write_text("half of i")
    assert loaded() == first
    renewed = issue(authority, NAMES, NOW)
    write_pair(renewed, cert, key)
    assert loaded() == renewed.certificate.serial_number != first
    cert.unlink()
    assert loaded() == renewed.certificate.serial_number


def handshake(context: ssl.SSLContext, trusting: ssl.SSLContext | None = None, name: str = "localhost") -> int:
    """Serial number of the certificate that a server with this context shows to a client. No network."""
    if trusting is None:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = client.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown).serial_number


def test_own_page_is_known_by_its_certificate_whatever_it_is_called(tmp_path: Path, authority: Pair) -> None:
    """A certificate of one's own is for a name that need not lead to this machine."""
    own, other = sort_names(["map.example.org"]), sort_names(["127.0.0.1"])
    for name, names in (("own", own), ("other", other)):
        # what is true of its lifetime is asked of the clock
        write_pair(issue(make_authority("vm", utc_now()), names, utc_now()), tmp_path / name, tmp_path / f"{name}.key")
    trust = trust_holder(tmp_path / "own")
    assert handshake(served(tmp_path / "own"), trust, "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(served(tmp_path / "other"), trust, "127.0.0.1")


def served(cert: Path) -> ssl.SSLContext:
    return Shown(cert, cert.with_name(f"{cert.name}.key")).make_context(None, ssl.create_default_context)  # type: ignore[arg-type]


def test_certificate_of_ones_own_goes_before_the_local_authority(
    tmp_path: Path, authority: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pair(issue(authority, NAMES, NOW), tmp_path / "own", tmp_path / "own.key")
    found = find_certificates(Settings(tls_cert=Path("own"), tls_key=Path("own.key")), tmp_path / "state", wanted=True)
    assert found.keep() == []
    assert found.facts() == {"cert": str(tmp_path / "own"), "key": str(tmp_path / "own.key")}
    assert not (tmp_path / "state").exists()
    assert found.told("https://map.example.org") == ""


def test_nothing_is_made_where_nobody_asks(tmp_path: Path) -> None:
    found = find_certificates(Settings(), tmp_path, wanted=False)
    assert (found.keep(), found.facts(), found.trust()) == ([], {}, None)
    assert list(tmp_path.iterdir()) == []


def test_listener_of_the_devices_has_tls_and_ours_has_not(tmp_path: Path, authority: Pair) -> None:
    write_pair(issue(authority, NAMES, NOW), tmp_path / "c", tmp_path / "k")
    doors = Doors("0.0.0.0", (tmp_path / "c", tmp_path / "k"))
    broker = make_broker(tmp_path, service_account(), doors=doors)
    ours, theirs = config_text(broker).split("listener ")[1:]
    assert ours.startswith(f"{broker.port} 127.0.0.1")
    assert "certfile" not in ours
    assert theirs.startswith(f"{broker.device_port} 0.0.0.0\ncertfile {broker.folder}/server.crt\nkeyfile ")
    assert broker.device_url() == f"mqtts://127.0.0.1:{broker.device_port}"
    assert broker.url().startswith("mqtt://")


REMARKS = [("long to go", 100, None), ("two weeks left", 13, "ends in 13 d"), ("over", -1, "has ended")]


@pytest.mark.parametrize(("case", "days", "words"), REMARKS, ids=[c[0] for c in REMARKS])
def test_doctor_tells_of_a_certificate_that_ends(
    case: str, days: int, words: str | None, tmp_path: Path, authority: Pair
) -> None:
    write_pair(issue(authority, NAMES, NOW), tmp_path / "c", tmp_path / "k")
    pair = read_pair(tmp_path / "c", tmp_path / "k")
    assert pair is not None
    at = pair.certificate.not_valid_after_utc - timedelta(days=days)
    remarks = list(check_certificate(tmp_path / "c", at))
    assert [remark.wrong for remark in remarks] == ([True] if words else [])
    assert all(str(words) in remark.words for remark in remarks)


def test_doctor_tells_of_a_certificate_that_cannot_be_read(tmp_path: Path) -> None:
    [remark] = check_certificate(tmp_path / "none", NOW)
    assert "cannot be read" in remark.words
