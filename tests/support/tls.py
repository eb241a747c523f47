"""A Certification Authority made on the spot, and the certificates that tests need."""

import datetime as dt
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Authority:
    """A CA with a server certificate for localhost, 127.0.0.1 and ::1; its files are in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ca = trustme.CA()
        self.cafile = str(directory / "ca.pem")
        self._ca.cert_pem.write_to_path(self.cafile)
        self.certfile, self.keyfile = self.issue("localhost", "127.0.0.1", "::1")

    @property
    def ca_key(self) -> bytes:
        """The CA's private key as PEM, to sign a revocation list with."""
        return self._ca.private_key_pem.bytes()

    @property
    def cadata(self) -> str:
        """The CA's certificate as PEM text."""
        return self._ca.cert_pem.bytes().decode()

    def issue(self, *names: str, common_name: str | None = None) -> tuple[str, str]:
        """Make a certificate for these names; give the paths of it and its key."""
        issued = self._ca.issue_cert(*names, common_name=common_name)
        stem = names[0].replace("*", "any").replace(":", "_").replace("@", "_at_")
        certfile, keyfile = str(self.directory / f"{stem}.pem"), str(self.directory / f"{stem}.key")
        Path(certfile).write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(keyfile)
        return certfile, keyfile

    def revocations(self, *revoked: str) -> bytes:
        """A Certificate Revocation List as PEM; `revoked` are the paths of certificates."""
        key = serialization.load_pem_private_key(self.ca_key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        issuer = x509.load_pem_x509_certificate(self.cadata.encode()).subject
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(now)
        builder = builder.next_update(now + dt.timedelta(days=1))
        for certfile in revoked:
            serial = x509.load_pem_x509_certificate(Path(certfile).read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def client_context(self, client: str | None = None) -> ssl.SSLContext:
        """What a Client needs that trusts this CA; `client`: the name in its own certificate."""
        context = ssl.create_default_context(cafile=self.cafile)
        if client is not None:
            context.load_cert_chain(*self.issue(client, common_name=client))
        return context
