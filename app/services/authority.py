"""A local authority and the certificate it signs, for `up --tls`: made once, kept in the state folder, renewed in time.

For phones and devices that have been given the authority's certificate. A key is never shown to anybody: its file is
readable by its owner only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.services.names import Names
from core.clock import rfc3339
from core.errors import SetupError
from ingest.doors.files import replace

# phones are given the authority by hand: seldom
AUTHORITY_LIFE = timedelta(days=3650)
# the longest that Apple's systems take from any authority they trust by themselves; from ours they would take 825 days
LIFE = timedelta(days=397)
RENEWED_BEFORE = timedelta(days=30)
# a device's clock may be behind
BEFORE_NOW = timedelta(days=1)
PATH_LENGTH = 0  # it signs servers, never another authority


@dataclass(frozen=True, slots=True)
class Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_authority(machine: str, now: datetime) -> Pair:
    """A new authority. The name tells people whose it is and since when, in the list on their phones."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "OneMap"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"OneMap {machine} {now:%Y-%m-%d}"[:64]),
        ]
    )
    builder = _builder(name, name, key, now, now + AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(True, PATH_LENGTH), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def issue(authority: Pair, names: Names, now: datetime) -> Pair:
    """A certificate for a server of these names. It ends before its authority does."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "OneMap server")])
    end = min(now - BEFORE_NOW + LIFE, authority.certificate.not_valid_after_utc)
    builder = _builder(subject, authority.certificate.subject, key, now, end)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(signer, critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE_NOW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """RFC 5280 section 4.2.1.3: an authority signs certificates and lists of revoked ones, a server what it says."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(names: Names) -> list[x509.GeneralName]:
    return [*(x509.DNSName(name) for name in names.hosts), *(x509.IPAddress(one) for one in names.addresses)]


def names_of(certificate: x509.Certificate) -> Names:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = found.get_values_for_type(x509.IPAddress)
    return Names(
        tuple(found.get_values_for_type(x509.DNSName)),
        tuple(one for one in addresses if isinstance(one, IPv4Address | IPv6Address)),
    )


def why_new_authority(authority: Pair | None, now: datetime) -> str | None:
    """None where the one that is there will do."""
    if authority is None:
        return "there is none yet"
    ends = authority.certificate.not_valid_after_utc
    return f"the last one ends at {rfc3339(ends)}" if ends - now < RENEWED_BEFORE else None


def why_renew(server: Pair | None, authority: Pair, names: Names, now: datetime) -> str | None:
    """None where the server's certificate will do. A name that is no longer wanted is no reason: addresses come and
    go."""
    if server is None:
        return "there is none yet"
    certificate = server.certificate
    if certificate.issuer != authority.certificate.subject or not _is_signed_by(certificate, authority.certificate):
        return "another authority has signed the last one"
    if certificate.not_valid_after_utc - now < RENEWED_BEFORE:
        return f"the last one ends at {rfc3339(certificate.not_valid_after_utc)}"
    lacking = names.without(names_of(certificate))
    return f"the last one lacks {', '.join(lacking)}" if lacking else None


def _is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - InvalidSignature, ValueError or TypeError: it is not
        return False
    return True


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 as phones show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


class Authority:
    """The authority of a state folder, with its server's certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate, self._key = folder / "ca.crt", folder / "ca.key"
        self.server_certificate, self.server_key = folder / "server.crt", folder / "server.key"

    def keep(self, machine: str, names: Names, now: datetime) -> list[str]:
        """Make what is missing, renew what ends soon or lacks a name; what was done, in words."""
        self.folder.mkdir(exist_ok=True, mode=0o700)
        done = []
        authority = read_pair(self.certificate, self._key)
        why = why_new_authority(authority, now)
        if authority is None or why:
            authority = make_authority(machine, now)
            write_pair(authority, self.certificate, self._key)
            done.append(f"a new local authority is made ({why}): phones and devices must be given {self.certificate}")
        why = why_renew(self._read_server(), authority, names, now)
        if why:
            write_pair(issue(authority, names, now), self.server_certificate, self.server_key)
            done.append(f"a new certificate is made ({why})")
        return done

    def _read_server(self) -> Pair | None:
        """Whatever is wrong with it, another one is as good."""
        try:
            return read_pair(self.server_certificate, self.server_key)
        except SetupError:
            return None

    def fingerprint(self) -> str:
        return fingerprint(x509.load_pem_x509_certificate(self.certificate.read_bytes()))


def read_pair(certificate: Path, key: Path) -> Pair | None:
    """None where there is none. SetupError where it cannot be read or the two do not belong together."""
    if not certificate.exists():
        return None
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        secret = load_pem_private_key(key.read_bytes(), None)
        if not isinstance(secret, ec.EllipticCurvePrivateKey) or secret.public_key() != found.public_key():
            raise ValueError("the key is not that of the certificate")
    except (OSError, ValueError, TypeError) as exc:
        raise SetupError(
            f"{certificate} and {key.name} cannot be used ({exc}): bring them back from a backup, or remove both and "
            "./onemap up --tls makes new ones",
            reason="bad_certificate",
        ) from exc
    return Pair(found, secret)


def write_pair(pair: Pair, certificate: Path, key: Path) -> None:
    """The key first: whoever sees both halves of different pairs waits for the other."""
    secret = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    replace(key, secret.decode())
    replace(certificate, pair.certificate.public_bytes(Encoding.PEM).decode())
