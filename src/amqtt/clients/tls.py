"""The TLS of a Client: whom it trusts, and how it shows who it is."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

ALPN = "mqtt"
"""What MQTT over TLS is called in ALPN; over WebSocket nothing is asked for."""
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """The TLS of a Client; without any of it, the system's CAs and nobody else are trusted."""

    cafile: str | Path | None = None
    """PEM file of the CAs that are trusted instead of the system's."""
    capath: str | Path | None = None
    """Directory of such CAs under their hashed names (`openssl rehash`)."""
    cadata: str | bytes | None = None
    """Such CAs as PEM text, or one as DER bytes."""
    certfile: str | Path | None = None
    """PEM file of the Client's own certificate and the chain up to its CA."""
    keyfile: str | Path | None = None
    """PEM file of its private key, where `certfile` does not hold it."""
    password: str | None = field(default=None, repr=False)
    """Of an encrypted key."""
    check_hostname: bool = True
    """Whether the certificate must be for the host that was asked for. Anybody whom a CA knows may be
    the server otherwise."""
    verify: bool = True
    """Whether there must be a trusted certificate at all. Without it anybody may be the server."""
    minimum_version: str = "1.2"
    """"1.2" or "1.3"."""
    ciphers: str | None = None
    """OpenSSL cipher list for TLS 1.2; None: OpenSSL's own."""


def client_context(options: TlsOptions, for_websocket: bool) -> ssl.SSLContext:
    """The context of a Client; ValueError with a sentence that names the file and what is wrong with it."""
    if options.minimum_version not in _VERSIONS:
        raise ValueError(f"the minimum TLS version is 1.2 or 1.3, not {options.minimum_version!r}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[options.minimum_version]
    context.options |= ssl.OP_NO_COMPRESSION
    if not for_websocket:
        context.set_alpn_protocols([ALPN])
    if options.ciphers is not None:
        try:
            context.set_ciphers(options.ciphers)
        except ssl.SSLError:
            raise ValueError(f"OpenSSL knows no cipher in {options.ciphers!r}") from None
    _load_authorities(context, options)
    _load_own(context, options)
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif not options.check_hostname:
        context.check_hostname = False
    return context


def _load_authorities(context: ssl.SSLContext, options: TlsOptions) -> None:
    if not (options.cafile or options.capath or options.cadata):
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(options.cafile, options.capath, options.cadata)
    except (ssl.SSLError, OSError, ValueError) as failed:
        what = options.cafile or options.capath or "cadata"
        raise ValueError(f"no CA certificate can be read from {what}: {_reason(failed)}") from None


def _load_own(context: ssl.SSLContext, options: TlsOptions) -> None:
    if options.certfile is None:
        if options.keyfile is not None:
            raise ValueError("a keyfile needs its certificate; name it with certfile")
        return
    # Without a password of ours OpenSSL would ask on the terminal, and the event loop would wait.
    password = options.password or _no_password
    try:
        context.load_cert_chain(options.certfile, options.keyfile, password)
    except (ssl.SSLError, OSError) as failed:
        names = f"{options.certfile} and {options.keyfile}" if options.keyfile else str(options.certfile)
        raise ValueError(f"no certificate with its key can be read from {names}: {_reason(failed)}") from None


def _no_password() -> str:
    raise ValueError("the key is encrypted and no password for it is given")


def _reason(failed: Exception) -> str:
    if isinstance(failed, ssl.SSLError) and failed.reason:
        return failed.reason.replace("_", " ").lower()
    if isinstance(failed, OSError) and failed.strerror:
        return failed.strerror.lower()
    return str(failed)
