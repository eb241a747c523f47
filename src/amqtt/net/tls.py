"""The one maker of TLS contexts, for MQTT over TCP and over WebSocket alike."""

import os
import ssl
from collections.abc import Sequence

from amqtt.net.settings import CertificatePair, TlsSettings

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def server_context(settings: TlsSettings, protocols: Sequence[str]) -> ssl.SSLContext:
    """Make the context of a Listener that offers these ALPN `protocols`.

    Raises ValueError with a sentence that names the file and what to do.
    """
    if not settings.certfile or not settings.keyfile:
        raise ValueError(
            "'certfile' or 'keyfile' configuration parameter missing; TLS needs both, or ssl: off"
        )
    own = CertificatePair(settings.certfile, settings.keyfile, settings.password)
    context = _context(settings, own, protocols)
    _serve_names(context, settings, protocols)
    return context


def _context(settings: TlsSettings, pair: CertificatePair, protocols: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if settings.minimum_version not in _VERSIONS:
        raise ValueError(f"the minimum TLS version is 1.2 or 1.3, not {settings.minimum_version!r}")
    context.minimum_version = _VERSIONS[settings.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if settings.ciphers is not None:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError:
            raise ValueError(f"OpenSSL knows no cipher in ciphers: {settings.ciphers}") from None
    context.set_alpn_protocols(list(protocols))
    _load_pair(context, pair)
    _load_authorities(context, settings)
    return context


def _load_pair(context: ssl.SSLContext, pair: CertificatePair) -> None:
    for path in (pair.certfile, pair.keyfile):
        _check_readable(path, "Can't read cert files: ")
    try:
        context.load_cert_chain(pair.certfile, pair.keyfile, lambda: _password(pair))
    except ssl.SSLError as failed:
        if failed.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"the keyfile {pair.keyfile} is not the key of {pair.certfile}") from None
        wrong = pair.keyfile if _holds_certificate(pair.certfile) else pair.certfile
        reason = f" ({failed.reason.replace('_', ' ').lower()})" if failed.reason else ""
        raise ValueError(
            f"Can't read cert files: {wrong} is not what it should be{reason}; "
            "a certificate and its key are needed as PEM files, and the password of an encrypted key"
        ) from None


def _password(pair: CertificatePair) -> str:
    if pair.password is None:
        raise ValueError(f"the keyfile {pair.keyfile} is encrypted and no password for it is given")
    return pair.password


def _holds_certificate(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except ssl.SSLError:
        return False
    return True


def _load_authorities(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Trust the CAs of client certificates; without any, no Client is asked for a certificate."""
    if not (settings.cafile or settings.capath or settings.cadata):
        if settings.require_certificate or settings.crlfile:
            raise ValueError("client certificates need a CA to trust; name it with cafile:")
        return
    if settings.capath:
        _check_directory(settings.capath)
        context.load_verify_locations(capath=settings.capath)
    if settings.cafile:
        _check_readable(settings.cafile, "can't read cafile ")
        _load(context, f"cafile {settings.cafile}", cafile=settings.cafile)
    if settings.cadata:
        _load(context, "cadata", cadata=settings.cadata)
    if settings.crlfile:
        _check_readable(settings.crlfile, "can't read crlfile ")
        _load_revoked(context, settings.crlfile)
    context.verify_mode = ssl.CERT_REQUIRED if settings.require_certificate else ssl.CERT_OPTIONAL


def _load(
    context: ssl.SSLContext, what: str, cafile: str | None = None, cadata: str | None = None
) -> None:
    before = context.cert_store_stats()["x509"]
    try:
        context.load_verify_locations(cafile=cafile, cadata=cadata)
        found = context.cert_store_stats()["x509"] > before
    except (ssl.SSLError, ValueError):
        found = False
    if not found:
        raise ValueError(f"{what} holds no CA certificate in PEM form")


def _load_revoked(context: ssl.SSLContext, crlfile: str) -> None:
    before = context.cert_store_stats()["crl"]
    try:
        context.load_verify_locations(crlfile)
        found = context.cert_store_stats()["crl"] > before
    except ssl.SSLError:
        found = False
    if not found:
        raise ValueError(f"crlfile {crlfile} holds no Certificate Revocation List in PEM form")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _check_readable(path: str, what: str) -> None:
    try:
        with open(path, "rb"):
            return
    except OSError as failed:
        raise ValueError(f"{what}{path}: {os.strerror(failed.errno or 0).lower()}") from None


def _check_directory(path: str) -> None:
    if "-----BEGIN" in path:
        raise ValueError("capath is a directory, not a certificate; did you mean cadata: ?")
    if not os.path.isdir(path):
        raise ValueError(f"capath {path} is no directory; did you mean cafile: ?")
    if not os.listdir(path):
        raise ValueError(f"capath {path} is empty: no client certificate would be trusted")


def _serve_names(context: ssl.SSLContext, settings: TlsSettings, protocols: Sequence[str]) -> None:
    """Answer with the certificate for the name that a Client asks for (SNI), else with our own.

    All contexts trust the same CAs: OpenSSL takes the CAs of the context that is chosen, but keeps
    asking for a client certificate as the first one did.
    """
    if not settings.server_names:
        return
    contexts = {
        name.lower().rstrip("."): _context(settings, pair, protocols)
        for name, pair in settings.server_names.items()
    }

    def choose(asking: ssl.SSLObject | ssl.SSLSocket, name: str | None, own: ssl.SSLContext) -> None:
        wanted = (name or "").lower().rstrip(".")
        chosen = contexts.get(wanted) or contexts.get("*." + wanted.partition(".")[2])
        if chosen is not None:
            asking.context = chosen

    context.sni_callback = choose
