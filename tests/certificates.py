"""Certificates for the tests: one that signed itself, and an authority with what it signs."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from redactor.config import TlsFiles

DAY = datetime.timedelta(days=1)


def named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def sign(
    common: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    serial: int,
    *,
    ca: bool = False,
    days: tuple[float, float] = (-1, 30),
    names: tuple[str, ...] = (),
    hash: hashes.HashAlgorithm | None = None,
    now: datetime.datetime | None = None,
) -> x509.Certificate:
    """A certificate for `common` (and DNS names or addresses); `days`: from when until when it is valid, from `now`."""
    at = now or datetime.datetime.now(datetime.UTC)
    general: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(common))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(at + days[0] * DAY)
        .not_valid_after(at + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if general:
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    return builder.sign(by, hash or hashes.SHA256())


def self_signed(
    file: Path,
    common: str,
    *names: str,
    days: tuple[float, float] = (-1, 30),
    now: datetime.datetime | None = None,
) -> TlsFiles:
    """A certificate in that file that whoever trusts it verifies with itself; its key beside it, `.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = sign(common, key, common, key, x509.random_serial_number(), ca=True, days=days, names=names, now=now)
    return written(TlsFiles(file, file.with_suffix(".key")), made, key)


def written(files: TlsFiles, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> TlsFiles:
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files.key.chmod(0o600)
    return files


@dataclass
class Authority:
    """Signs certificates and writes them, and their keys, into its directory."""

    directory: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    serial: int = 100

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self._certificate = self._sign("authority", self.key, ca=True, days=(-1, 10))
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def file(self) -> Path:
        return self.directory / "authority.pem"

    def _sign(
        self,
        common: str,
        key: ec.EllipticCurvePrivateKey,
        ca: bool = False,
        days: tuple[float, float] = (-1, 30),
        names: tuple[str, ...] = (),
        hash: hashes.HashAlgorithm | None = None,
    ) -> x509.Certificate:
        self.serial += 1
        return sign(common, key, "authority", self.key, self.serial, ca=ca, days=days, names=names, hash=hash)

    def make(
        self,
        common: str,
        *names: str,
        days: tuple[float, float] = (-1, 30),
        hash: hashes.HashAlgorithm | None = None,
    ) -> TlsFiles:
        """A certificate of that name and its key; `days`: from when until when it is valid, from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(common, key, days=days, names=names, hash=hash)
        files = TlsFiles(self.directory / f"{common}-{self.serial}.pem", self.directory / f"{common}-{self.serial}.key")
        return written(files, made, key)

    def server(self, **more: tuple[float, float] | hashes.HashAlgorithm) -> TlsFiles:
        """What a server on this machine shows."""
        return self.make("localhost", "localhost", "127.0.0.1", **more)  # type: ignore[arg-type]
