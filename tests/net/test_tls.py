import asyncio
import socket
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from amqtt.net.listeners import ListenerError
from amqtt.net.settings import CertificatePair, TlsSettings


@pytest.fixture
def tls(authority):
    """Make TlsSettings with the server's certificate and whatever else a test wants."""

    def make(**settings):
        return TlsSettings(**{"certfile": authority.certfile, "keyfile": authority.keyfile, **settings})

    return make


def client_context(authority, **limits: ssl.TLSVersion) -> ssl.SSLContext:
    context = authority.client_context()
    for name, version in limits.items():
        setattr(context, name, version)
    return context


async def echo(site, port, context, data=b"hello", server_hostname="localhost"):
    reader, writer = await site.connect(port, ssl=context, server_hostname=server_hostname)
    writer.write(data)
    assert await asyncio.wait_for(reader.readexactly(len(data)), 10) == data
    return reader, writer


async def is_refused(site, port, context) -> bool:
    """Whether the server ends it; in TLS 1.3 the client learns that after its own handshake."""
    try:
        reader, writer = await site.connect(port, ssl=context, server_hostname="localhost")
        writer.write(b"hello")
        return await asyncio.wait_for(reader.read(), 10) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_bytes_go_in_and_out_over_tls(site, authority, tls, version):
    port = await site.port(tls=tls())
    context = client_context(authority, minimum_version=version, maximum_version=version)
    data = bytes(range(256)) * 4096
    await echo(site, port, context, data)
    state = site.server.states[0]
    assert state.arrived == data
    assert state.peer.secure
    assert state.peer.certificate is None
    assert state.peer.address == "127.0.0.1"


async def test_a_peer_that_does_not_read_over_tls_loses_nothing_when_it_reads(site, authority, tls):
    port = await site.port(tls=tls())
    reader, _ = await echo(site, port, authority.client_context())
    connection = await site.only_connection()
    link = connection.link
    sent = bytearray()
    for number in range(40):
        chunk = bytes([number]) * 500_000
        link.send(chunk)
        site.house.turn.flush()
        sent += chunk
    assert link.blocked
    assert link.size > 0
    site.server.close(site.server.states[0])
    assert await asyncio.wait_for(reader.read(), 20) == sent


async def test_a_peer_that_takes_no_bytes_over_tls_is_aborted(open_site, authority, tls):
    site = await open_site(stall_timeout=0.1)
    port = await site.port(tls=tls())
    _, writer = await echo(site, port, authority.client_context())
    writer.transport.pause_reading()
    state = site.server.states[0]
    connection = await site.only_connection()
    if connection._stall is not None:
        connection._stall.cancel()
        connection._stall = None
    state.link.send(bytes(32 * 1024 * 1024))
    await site.server.until(lambda: state.reason is not None)
    assert state.reason == "the peer took no bytes for too long"


async def test_close_delivers_what_was_sent_before_over_tls(site, authority, tls):
    port = await site.port(tls=tls())
    reader, writer = await site.connect(port, ssl=authority.client_context(), server_hostname="localhost")
    writer.write(b"close")
    writer.write(bytes(100_000))
    assert await asyncio.wait_for(reader.read(), 10) == b"close"
    async with asyncio.timeout(10):
        await site.house.emptied()


async def test_what_arrives_with_the_end_of_the_handshake_is_not_lost(site, authority, tls):
    """The client's last handshake bytes, its data and its end arrive in one piece."""
    port = await site.port(tls=tls(cafile=authority.cafile))
    loop = asyncio.get_running_loop()
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client_context("early").wrap_bio(inward, outward, server_hostname="localhost")
    plain = socket.socket()
    site.sockets.append(plain)
    plain.setblocking(False)
    await loop.sock_connect(plain, ("127.0.0.1", port))
    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            await loop.sock_sendall(plain, outward.read())
            answer = await loop.sock_recv(plain, 65536)
            assert answer, site.server.states[0].reason
            inward.write(answer)
    client.write(b"all at once")
    with pytest.raises(ssl.SSLWantReadError):
        client.unwrap()
    await loop.sock_sendall(plain, outward.read())
    state = await site.server.first()
    await site.server.until(lambda: state.reason is not None)
    assert state.arrived == b"all at once"
    assert state.peer.certificate is not None


async def test_what_a_client_asked_before_its_end_is_still_answered(site, authority, tls):
    """Its end comes in one piece with what an Authenticator must think about."""
    port = await site.port(tls=tls())
    _, writer = await echo(site, port, authority.client_context())
    writer.write(b"ask")
    writer.close()
    state = site.server.states[0]
    await site.server.until(lambda: site.server.question is not None)
    site.server.question.set_result("yes")
    await site.server.until(lambda: state.reason is not None)
    assert state.answers == ["yes"]


async def test_a_client_certificate_is_told_to_the_server(site, authority, tls):
    port = await site.port(tls=tls(cafile=authority.cafile, require_certificate=True))
    await echo(site, port, authority.client_context("device-7"))
    certificate = site.server.states[0].peer.certificate
    assert (("commonName", "device-7"),) in certificate["subject"]


async def test_a_required_client_certificate_that_is_missing_is_refused(site, authority, tls):
    port = await site.port(tls=tls(cafile=authority.cafile, require_certificate=True))
    assert await is_refused(site, port, authority.client_context())
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert "handshake failed" in site.server.states[0].reason
    assert site.listeners[0].open_connections == 0


@pytest.mark.parametrize("form", ["cafile", "cadata"])
async def test_an_optional_client_certificate_may_be_missing(site, authority, tls, form):
    port = await site.port(tls=tls(**{form: getattr(authority, form)}))
    await echo(site, port, authority.client_context())
    await echo(site, port, authority.client_context("device-8"))
    assert [state.peer.certificate is None for state in site.server.states] == [True, False]


@pytest.mark.parametrize("required", [False, True])
async def test_a_client_certificate_of_another_authority_is_refused(site, authority, tls, required, tmp_path):
    stranger = trustme.CA().issue_cert("device-7")
    port = await site.port(tls=tls(cafile=authority.cafile, require_certificate=required))
    context = authority.client_context()
    stranger.configure_cert(context)
    for _ in range(2):
        assert await is_refused(site, port, context)
    assert all(state.arrived == b"" for state in site.server.states)


async def test_a_revoked_client_certificate_is_refused(site, authority, tls, tmp_path):
    good, bad = authority.client_context("good"), authority.client_context("bad")
    crlfile = tmp_path / "crl.pem"
    crlfile.write_bytes(authority.revocations(str(authority.directory / "bad.pem")))
    port = await site.port(tls=tls(cafile=authority.cafile, crlfile=str(crlfile), require_certificate=True))
    await echo(site, port, good)
    assert await is_refused(site, port, bad)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
@pytest.mark.parametrize("minimum", ["1.2", "1.3"])
async def test_older_versions_of_tls_are_refused(site, authority, tls, minimum):
    port = await site.port(tls=tls(minimum_version=minimum))
    older = ssl.TLSVersion.TLSv1_1 if minimum == "1.2" else ssl.TLSVersion.TLSv1_2
    context = client_context(authority, minimum_version=older, maximum_version=older)
    context.set_ciphers("ALL:@SECLEVEL=0")
    assert await is_refused(site, port, context)
    await echo(site, port, authority.client_context())


async def test_nobody_may_renegotiate(site, tls):
    listener = await site.listen(tls=tls())
    assert listener.tls.options & ssl.OP_NO_RENEGOTIATION
    assert listener.tls.options & ssl.OP_NO_COMPRESSION


async def test_the_certificate_is_that_of_the_name_the_client_asks_for(site, authority, tls):
    names = {
        "Other.Example": CertificatePair(*authority.issue("other.example")),
        "*.wild.example": CertificatePair(*authority.issue("*.wild.example")),
    }
    port = await site.port(tls=tls(server_names=names))
    for name in ("localhost", "other.example", "a.wild.example"):
        _, writer = await echo(site, port, authority.client_context(), server_hostname=name)
        certificate = writer.get_extra_info("peercert")
        expected = "*.wild.example" if "wild" in name else name
        assert ("DNS", expected) in certificate["subjectAltName"]
    with pytest.raises(ssl.SSLCertVerificationError):
        await echo(site, port, authority.client_context(), server_hostname="wild.example")


async def test_the_other_names_ask_for_client_certificates_as_well(site, authority, tls):
    names = {"other.example": CertificatePair(*authority.issue("other.example"))}
    port = await site.port(
        tls=tls(server_names=names, cafile=authority.cafile, require_certificate=True)
    )
    await echo(site, port, authority.client_context("device-9"), server_hostname="other.example")
    assert site.server.states[0].peer.certificate is not None
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await echo(site, port, authority.client_context(), server_hostname="other.example")


@pytest.mark.parametrize(("kind", "offered", "chosen"), [
    ("tcp", ["mqtt"], "mqtt"), ("tcp", ["x-amzn-mqtt-ca", "mqtt"], "mqtt"), ("tcp", ["h2"], None),
    ("ws", ["http/1.1"], "http/1.1"), ("ws", ["h2", "http/1.1"], "http/1.1"),
])
async def test_the_application_protocol_is_negotiated(site, authority, tls, kind, offered, chosen):
    port = await site.port(tls=tls(), type=kind)
    context = authority.client_context()
    context.set_alpn_protocols(offered)
    _, writer = await site.connect(port, ssl=context, server_hostname="localhost")
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen


async def test_something_else_than_tls_is_closed_without_a_word(site, tls, caplog):
    port = await site.port(tls=tls())
    reader, writer = await site.connect(port)
    writer.write(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")
    await asyncio.wait_for(reader.read(), 10)
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert "handshake failed" in site.server.states[0].reason
    assert caplog.records == []


async def test_a_peer_that_leaves_during_the_handshake_is_forgotten(site, tls, caplog):
    port = await site.port(tls=tls())
    for said in (b"", b"\x16\x03\x01\x02\x00"):
        _, writer = await site.connect(port)
        await site.server.until(lambda: bool(site.server.states))
        writer.write(said)
        writer.close()
        async with asyncio.timeout(10):
            await site.house.emptied()
    assert site.listeners[0].open_connections == 0
    assert caplog.records == []


async def test_the_server_may_close_during_the_handshake(site, tls):
    reader, _ = await site.connect(await site.port(tls=tls()))
    state = await site.server.first()
    site.server.close(state)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    async with asyncio.timeout(10):
        await site.house.emptied()


def lock(keyfile: str, locked: Path) -> None:
    """Write the key again, encrypted."""
    key = serialization.load_pem_private_key(Path(keyfile).read_bytes(), None)
    locked.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame"),
    ))


def write(directory, name: str, content: str = "") -> str:
    path = directory / name
    path.write_text(content)
    return str(path)


@pytest.mark.parametrize(("settings", "said"), [
    ({"certfile": None}, "'certfile' or 'keyfile' configuration parameter missing"),
    ({"keyfile": ""}, "'certfile' or 'keyfile' configuration parameter missing"),
    ({"certfile": "{tmp}/none.pem"}, "Can't read cert files: {tmp}/none.pem: no such file"),
    ({"keyfile": "{tmp}/none.key"}, "Can't read cert files: {tmp}/none.key: no such file"),
    ({"certfile": "{tmp}/empty"}, "Can't read cert files: {tmp}/empty is not"),
    ({"keyfile": "{tmp}/empty"}, "Can't read cert files: {tmp}/empty is not"),
    ({"keyfile": "{tmp}/other.key"}, "the keyfile {tmp}/other.key is not the key of"),
    ({"keyfile": "{tmp}/locked.key"}, "the keyfile {tmp}/locked.key is encrypted"),
    ({"keyfile": "{tmp}/locked.key", "password": "wrong"}, "Can't read cert files: {tmp}/locked.key"),
    ({"cafile": "{tmp}/none.pem"}, "can't read cafile {tmp}/none.pem: no such file"),
    ({"cafile": "{tmp}/empty"}, "cafile {tmp}/empty holds no CA certificate"),
    ({"cadata": "no certificate"}, "cadata holds no CA certificate"),
    ({"capath": "{tmp}/none"}, "capath {tmp}/none is no directory"),
    ({"capath": "{tmp}/nobody"}, "capath {tmp}/nobody is empty"),
    ({"capath": "-----BEGIN CERTIFICATE-----"}, "did you mean cadata"),
    ({"require_certificate": True}, "need a CA to trust"),
    ({"cadata": "{ca}", "crlfile": "{tmp}/none.pem"}, "can't read crlfile {tmp}/none.pem"),
    ({"cadata": "{ca}", "crlfile": "{tmp}/empty"}, "crlfile {tmp}/empty holds no Certificate Revocation"),
    ({"minimum_version": "1.1"}, "the minimum TLS version is 1.2 or 1.3, not '1.1'"),
    ({"ciphers": "NONSENSE"}, "OpenSSL knows no cipher in ciphers: NONSENSE"),
])
async def test_what_is_wrong_with_the_keys_is_said(site, authority, tls, tmp_path, settings, said):
    write(tmp_path, "empty")
    (tmp_path / "nobody").mkdir()
    trustme.CA().private_key_pem.write_to_path(str(tmp_path / "other.key"))
    lock(authority.keyfile, tmp_path / "locked.key")

    def fill(text):
        if not isinstance(text, str):
            return text
        return text.replace("{tmp}", str(tmp_path)).replace("{ca}", authority.cadata)

    with pytest.raises(ListenerError) as caught:
        await site.listen(tls=tls(**{key: fill(value) for key, value in settings.items()}))
    assert fill(said) in str(caught.value)
    assert str(caught.value).startswith("listener 'test': ")


async def test_the_password_opens_an_encrypted_key(site, authority, tls, tmp_path):
    locked = tmp_path / "locked.key"
    lock(authority.keyfile, locked)
    settings = tls(keyfile=str(locked), password="open sesame")
    assert "sesame" not in repr(settings)
    await echo(site, await site.port(tls=settings), authority.client_context())
