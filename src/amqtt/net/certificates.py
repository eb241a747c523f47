"""How long the certificates of a Listener are valid: Clients refuse one that has expired, without a word."""

import ssl
from collections.abc import Iterator
from typing import Final

from amqtt.net.settings import CertificatePair, TlsSettings

SOON: Final = 14
"""Days before its end in which a certificate is of concern; what renews them by itself does so at 30."""
_DAY: Final = 86_400
_EXPIRED: Final = 10
_NOT_YET_VALID: Final = 9
"""OpenSSL's numbers (X509_V_ERR_…)."""
_ROUNDS: Final = 5
"""A handshake has two or three."""


def concerns_of(tls: TlsSettings, now: float) -> Iterator[str]:
    """A sentence for each certificate that Clients refuse, or soon will; `now` is Unix time."""
    pairs = list(tls.server_names.values())
    if tls.certfile and tls.keyfile:
        pairs.insert(0, CertificatePair(tls.certfile, tls.keyfile, tls.password))
    for pair in pairs:
        if concern := _concern(pair, now):
            yield f"certfile {pair.certfile} {concern}"


def _concern(pair: CertificatePair, now: float) -> str:
    try:
        end = ssl.cert_time_to_seconds(_expiry(pair))
    except ssl.SSLCertVerificationError as failed:
        if failed.verify_code == _EXPIRED:
            return "has expired, and clients refuse it: renew it"
        if failed.verify_code == _NOT_YET_VALID:
            return "is not valid yet, and clients refuse it: is the clock of this machine right?"
        return ""
    except (OSError, ValueError):
        # Whoever opens the Listener says what is wrong.
        return ""
    days = int((end - now) // _DAY)
    return f"expires in {days} day{'' if days == 1 else 's'}: renew it" if days < SOON else ""


def _expiry(pair: CertificatePair) -> str:
    """The notAfter of a certificate, which Python tells only of one that a handshake has verified."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certfile, pair.keyfile, lambda: pair.password or "")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(pair.certfile)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_ROUNDS):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    certificate = ours.getpeercert()
    return str(certificate["notAfter"]) if certificate else ""
