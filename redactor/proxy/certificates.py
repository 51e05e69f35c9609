"""Certificates: the proxy's own, which clients are shown and bind their passwords to, and what theirs say.

Knows X.509 and where the files are; must not know sessions. Invariants: TLS 1.2 or newer; a certificate that has
expired is said to have, by name and date, to the operator; nothing of a private key is kept but in the TLS library.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import new as new_hash
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from redactor.config import Config, TlsFiles
from redactor.errors import Fault

ALPN = "postgresql"
"""The protocol's name in TLS (PostgreSQL docs, 54.2.10); without it TLS may not begin with the first byte."""
_SOON = 14 * 86400


@dataclass(frozen=True, slots=True)
class Tls:
    """The server's side of TLS. `binding`: tls-server-end-point of its certificate (RFC 5929, 4.1), or None."""

    context: ssl.SSLContext
    binding: bytes | None
    file: Path


def load(files: TlsFiles) -> Tls:
    """The certificate and key in those files. Raises ValueError with a text for the operator."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN])
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
        own = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
    except (OSError, ssl.SSLError, ValueError) as e:
        raise ValueError(_unusable(files, e)) from e
    if files.client_ca is not None:
        try:
            context.load_verify_locations(cafile=files.client_ca)
        except (OSError, ssl.SSLError) as e:
            raise ValueError(f"{files.client_ca}: not a file of certificates ({_said(e)})") from e
        context.verify_mode = ssl.CERT_REQUIRED if files.demanded else ssl.CERT_OPTIONAL
    return Tls(context, binding_of(own), files.certificate)


def _unusable(files: TlsFiles, e: Exception) -> str:
    """Which of the two files is to blame; OpenSSL's own words often do not say."""
    try:
        x509.load_pem_x509_certificates(files.certificate.read_bytes())
    except (OSError, ValueError) as of_it:
        return f"{files.certificate}: not a file of certificates ({_said(of_it)})"
    try:
        key = load_pem_private_key(files.key.read_bytes(), None)
    except TypeError:
        return f"{files.key}: the key is encrypted; redactor needs one without a password"
    except (OSError, ValueError, UnsupportedAlgorithm) as of_it:
        return f"{files.key}: holds no private key ({_said(of_it)})"
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    shown = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0].public_key()
    if public != shown.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        return f"{files.certificate}: its first certificate is not that of the key {files.key}"
    return f"{files.certificate}: certificate and key cannot be used together ({_said(e)}); the key is {files.key}"


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _said(e: Exception) -> str:
    return str(getattr(e, "strerror", None) or getattr(e, "reason", None) or e)


def binding_of(certificate: x509.Certificate | bytes) -> bytes | None:
    """tls-server-end-point of a certificate (DER bytes too); None where its signature knows no one hash (Ed25519)."""
    try:
        found = x509.load_der_x509_certificate(certificate) if isinstance(certificate, bytes) else certificate
        algorithm = found.signature_hash_algorithm
    except Exception:
        # a signature that this library does not know: without a hash there is no binding
        return None
    if algorithm is None:
        return None
    name = "sha256" if algorithm.name in ("md5", "sha1") else algorithm.name
    # the class's serialization is the very DER that TLS has shown
    return new_hash(name, found.public_bytes(Encoding.DER)).digest()


def names_of(shown: Mapping[str, Any] | None) -> frozenset[str]:
    """Whom a client's verified certificate names (`ssl.SSLObject.getpeercert()`): common name, DNS names, e-mail."""
    if not shown:
        return frozenset()
    common = [v for rdn in shown.get("subject", ()) for k, v in rdn if k == "commonName"]
    others = [v for k, v in shown.get("subjectAltName", ()) if k in ("DNS", "email")]
    return frozenset(n for n in (*common, *others) if n and "\0" not in n)


def complaints(config: Config, now: float) -> Iterator[Fault]:
    """What is wrong, or soon will be, with the certificates of a configuration at `now` (seconds, epoch, UTC)."""
    for file, effect in _places(config).items():
        try:
            found = x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as e:
            yield Fault(str(file), 0, 0, f"not a file of certificates ({_said(e)})")
            continue
        for certificate in found:
            said = _expiry(certificate, now)
            if said:
                yield Fault(str(file), 0, 0, f"the certificate of {_subject(certificate)} {said}", effect)


def _places(config: Config) -> dict[Path, str]:
    """The certificate files of a configuration, and what comes of one that has expired."""
    places: dict[Path, str] = {}
    if config.tls is not None:
        places[config.tls.certificate] = "clients will refuse the connection"
        if config.tls.client_ca is not None:
            places[config.tls.client_ca] = "no client's certificate will be accepted"
    for d in config.databases.values():
        if d.upstream.certificate is not None:
            places[d.upstream.certificate] = f"database {d.name} will refuse the connection"
        if d.upstream.root_certificate is not None:
            places[d.upstream.root_certificate] = f"the certificate of database {d.name} cannot be verified"
    return places


def expiries(config: Config) -> dict[str, float]:
    """When the certificates of a configuration expire: file to seconds (epoch, UTC), of each the first that does."""
    found = {}
    for file in _places(config):
        with contextlib.suppress(OSError, ValueError):
            read = x509.load_pem_x509_certificates(file.read_bytes())
            found[str(file)] = min(c.not_valid_after_utc.timestamp() for c in read)
    return found


def _expiry(certificate: x509.Certificate, now: float) -> str:
    at = datetime.fromtimestamp(now, UTC)
    until, since = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if until < at:
        return f"expired on {until:%Y-%m-%d %H:%M} UTC"
    if since > at:
        return f"is not valid before {since:%Y-%m-%d %H:%M} UTC"
    if (until - at).total_seconds() < _SOON:
        return f"expires on {until:%Y-%m-%d %H:%M} UTC"
    return ""


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"serial number {certificate.serial_number}"
