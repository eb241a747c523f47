"""A Certification Authority in a folder, for development alone."""

import datetime as dt
import os
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from amqtt.errors import BrokerError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CERTIFICATE: Final = ".pem"
KEY: Final = ".key"


class MissingLibrary(Exception):
    """The library that makes certificates is not installed."""


class Authority:
    """The CA in this folder, made where there is none; what it issues is valid for `days`.

    Private keys are readable for their owner alone. What is there already is never written over.
    """

    def __init__(self, folder: Path, days: int) -> None:
        try:
            import cryptography.x509
        except ImportError:
            text = "certificates are made with the package cryptography: pip install 'amqtt[certs]'"
            raise MissingLibrary(text) from None
        del cryptography
        self.folder = folder
        self.certificate = folder / f"ca{CERTIFICATE}"
        self._days = days
        key_file = folder / f"ca{KEY}"
        if self.certificate.exists() and key_file.exists():
            self._own, self._key = _read(self.certificate, key_file)
        else:
            self._key = _new_key()
            self._own = self._signed("amqtt development CA", self._key, None, [])
            _write(self.certificate, _certificate_bytes(self._own), 0o644)
            _write(key_file, _key_bytes(self._key), 0o600)

    def server(self, stem: str, names: Sequence[str]) -> tuple[Path, Path]:
        """A certificate for a server of these names and addresses, and its key: their files."""
        return self._issue(stem, names[0], names)

    def client(self, user: str) -> tuple[Path, Path]:
        """A certificate for a client that is this user, and its key: their files."""
        if not user or not user.isprintable() or "/" in user or user in (".", "..", "ca", "server"):
            raise BrokerError(f"{user!r} cannot be the name of a client's certificate")
        return self._issue(user, user, [])

    def _issue(self, stem: str, common_name: str, names: Sequence[str]) -> tuple[Path, Path]:
        certfile, keyfile = self.folder / f"{stem}{CERTIFICATE}", self.folder / f"{stem}{KEY}"
        for path in (certfile, keyfile):
            if path.exists():
                raise BrokerError(f"{path} is there already; remove it, or name another folder")
        key = _new_key()
        issued = self._signed(common_name, key, self._own, names)
        _write(keyfile, _key_bytes(key), 0o600)
        _write(certfile, _certificate_bytes(issued), 0o644)
        return certfile, keyfile

    def _signed(
        self,
        common_name: str,
        key: "EllipticCurvePrivateKey",
        issuer: "x509.Certificate | None",
        names: Sequence[str],
    ) -> "x509.Certificate":
        """A certificate for this key; without an issuer it is a CA that signs itself."""
        from cryptography import x509
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            # Clocks differ, and it is to be used at once.
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=self._days))
            .add_extension(x509.BasicConstraints(issuer is None, 0 if issuer is None else None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
            .add_extension(_key_usage(issuer is None), True)
        )
        if issuer is not None:
            purpose = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_general, names))), False)
        return builder.sign(self._key, SHA256())


def _key_usage(signs: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _general(name: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise BrokerError(f"{name!r} is neither a host name nor an address") from None


def _new_key() -> "EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _read(certfile: Path, keyfile: Path) -> "tuple[x509.Certificate, EllipticCurvePrivateKey]":
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(keyfile.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(certfile.read_bytes())
    except (ValueError, TypeError):
        text = f"{certfile} and {keyfile} are no CA of this command; name another folder"
        raise BrokerError(text) from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise BrokerError(f"{keyfile} is no key of this command; name another folder")
    return certificate, key


def _certificate_bytes(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_bytes(key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a new file that has its permissions from the first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
