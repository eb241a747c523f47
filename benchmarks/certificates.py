"""A Certification Authority for one run, and the certificate of the broker under test."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM form, and what a Client needs that trusts them."""

    certfile: Path
    keyfile: Path
    trust: ssl.SSLContext


def issued(folder: Path) -> Certificates:
    """Make an authority and a certificate for localhost, both with P-256 keys."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    certificate = authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.ECDSA)
    certfile, keyfile, cafile = folder / "certificate.pem", folder / "key.pem", folder / "authority.pem"
    certfile.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(keyfile))
    authority.cert_pem.write_to_path(str(cafile))
    return Certificates(certfile, keyfile, ssl.create_default_context(cafile=str(cafile)))
