"""Certificates and their keys as files: whether a pair can be used, and whom we believe."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509

from core.errors import SetupError


def check_pair(cert: Path, key: Path) -> None:
    """SetupError where these files are no certificate with its key. A key under a passphrase is refused: nobody is
    there to be asked."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except OSError as exc:
        raise SetupError(
            f"{cert} and {key} cannot be used as a certificate (PEM) and its key without a passphrase: {exc}",
            field="ONEMAP_TLS_CERT",
        ) from exc


def read_certificate(path: Path) -> x509.Certificate:
    """The first one of the file. SetupError where there is none."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise SetupError(f"{path} cannot be read as a certificate (PEM): {exc}", field="ONEMAP_TLS_CERT") from exc


def ends_at(path: Path) -> datetime:
    return read_certificate(path).not_valid_after_utc


def trust_authority(authority: Path) -> ssl.SSLContext:
    """For a client: believes what this authority has signed, under the names that it has signed."""
    return ssl.create_default_context(cafile=authority)


def trust_holder(cert: Path) -> ssl.SSLContext:
    """For a client on the same machine: believes who holds the key of this very certificate, under whatever name it is
    reached."""
    context = ssl.create_default_context(cafile=cert)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
