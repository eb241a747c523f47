"""E6: TLS 1.2 or newer, no renegotiation, and client certificates that count over TCP and WebSocket alike."""

import asyncio
import datetime as dt
import ssl

import pytest
import trustme

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from support.tls import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def configuration(authority: Authority, kind: str, **more: object) -> dict[str, object]:
    listener = {
        "type": kind, "bind": "127.0.0.1:0", "ssl": True, "certfile": authority.certfile,
        "keyfile": authority.keyfile, **more,
    }
    return {"listeners": {"default": {"type": "tcp"}, "tls": listener}, "sys_interval": 0}


def expired(authority: Authority) -> ssl.SSLContext:
    """What a Client has whose certificate was good once."""
    then = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    context = authority.client_context()
    issued = authority._ca.issue_cert("old", not_before=then, not_after=then.replace(year=2021))
    issued.configure_cert(context)
    return context


async def is_let_in(broker: Broker, context: ssl.SSLContext, kind: str) -> bool:
    """Whether MQTT, or the WebSocket before it, is answered."""
    said = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a" if kind == "tcp" else b"GET / HTTP/1.1\r\n\r\n"
    try:
        reader, writer = await asyncio.open_connection(
            *broker.listeners["tls"].addresses[0], ssl=context, server_hostname="localhost"
        )
    except (ssl.SSLError, ConnectionError):
        return False
    try:
        writer.write(said)
        return await asyncio.wait_for(reader.read(4), 10) in {b"\x20\x02\0\0", b"HTTP"}
    except (ssl.SSLError, ConnectionError):
        return False
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("kind", ["tcp", "ws"])
async def test_only_a_certificate_of_the_ca_lets_in_where_one_is_required(authority, kind, tmp_path):
    revoked = authority.client_context("revoked")
    crlfile = tmp_path / "crl.pem"
    crlfile.write_bytes(authority.revocations(str(authority.directory / "revoked.pem")))
    more = {"require-certificate": True, "crlfile": str(crlfile)}
    config = configuration(authority, kind, cafile=authority.cafile, **more)
    of_another = authority.client_context()
    trustme.CA().issue_cert("device").configure_cert(of_another)
    async with Broker(config) as broker:
        for _ in range(2):
            assert not await is_let_in(broker, authority.client_context(), kind)
            assert not await is_let_in(broker, of_another, kind)
            assert not await is_let_in(broker, expired(authority), kind)
            assert not await is_let_in(broker, revoked, kind)
        assert await is_let_in(broker, authority.client_context("device"), kind)


@pytest.mark.parametrize("kind", ["tcp", "ws"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_versions_are_refused(authority, kind, version):
    old = authority.client_context()
    old.minimum_version = old.maximum_version = version
    old.set_ciphers("ALL:@SECLEVEL=0")
    async with Broker(configuration(authority, kind)) as broker:
        assert not await is_let_in(broker, old, kind)
        assert await is_let_in(broker, authority.client_context(), kind)
        options = broker.listeners["tls"].tls.options
        assert options & ssl.OP_NO_RENEGOTIATION
        assert options & ssl.OP_NO_COMPRESSION


@pytest.mark.parametrize("kind", ["tcp", "ws"])
async def test_a_ca_file_without_a_certificate_does_not_start(authority, kind, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with pytest.raises(BrokerError, match="holds no CA certificate"):
        await Broker(configuration(authority, kind, cafile=str(empty))).start()
