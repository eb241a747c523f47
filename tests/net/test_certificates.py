"""How long certificates are valid, as the Listener that has them finds out."""

import datetime as dt
from pathlib import Path

import pytest
import trustme

from amqtt.net.certificates import concerns_of
from amqtt.net.settings import CertificatePair, TlsSettings

NOW = dt.datetime.now(dt.UTC)


def pair(folder: Path, days: float, begins: float = -30) -> TlsSettings:
    """A certificate that is valid from and until so many days from now."""
    issued = trustme.CA().issue_cert(
        "localhost", not_before=NOW + dt.timedelta(begins), not_after=NOW + dt.timedelta(days)
    )
    certfile, keyfile = folder / "cert.pem", folder / "key.pem"
    certfile.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(keyfile)
    return TlsSettings(certfile=str(certfile), keyfile=str(keyfile))


@pytest.mark.parametrize(
    ("days", "begins", "said"),
    [
        (-1, -30, "has expired, and clients refuse it: renew it"),
        (1.5, -30, "expires in 1 day: renew it"),
        (13.5, -30, "expires in 13 days: renew it"),
        (30, 1, "is not valid yet, and clients refuse it: is the clock of this machine right?"),
    ],
)
def test_what_clients_refuse_or_soon_will_is_said(
    tmp_path: Path, days: float, begins: float, said: str
) -> None:
    tls = pair(tmp_path, days, begins)
    assert list(concerns_of(tls, NOW.timestamp())) == [f"certfile {tls.certfile} {said}"]


def test_one_that_is_valid_for_long_is_of_no_concern(tmp_path: Path) -> None:
    assert list(concerns_of(pair(tmp_path, 60), NOW.timestamp())) == []


def test_those_of_other_names_are_looked_at_too(tmp_path: Path) -> None:
    other = pair(tmp_path, -1)
    assert other.certfile is not None
    assert other.keyfile is not None
    names = {"mqtt.example": CertificatePair(other.certfile, other.keyfile)}
    assert len(list(concerns_of(TlsSettings(server_names=names), NOW.timestamp()))) == 1


def test_files_that_cannot_be_read_are_left_to_who_opens_the_listener() -> None:
    assert list(concerns_of(TlsSettings(certfile="none", keyfile="none"), 0)) == []
