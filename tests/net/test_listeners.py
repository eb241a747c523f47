import asyncio
import contextlib
import errno
import os
import resource
import socket
import stat

import pytest

from amqtt.net import acceptor, tcp
from amqtt.net.listeners import ListenerError, open_listener
from amqtt.net.settings import ListenerSettings, TlsSettings
from support.ports import kept_port


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


async def echo(host: str, port: int) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"hello")
    assert await asyncio.wait_for(reader.readexactly(5), 10) == b"hello"
    writer.transport.abort()


async def test_port_0_is_a_free_port_and_its_number_is_told(site):
    listener = await site.listen(bind="127.0.0.1:0")
    ((host, port),) = listener.addresses
    assert host == "127.0.0.1"
    assert port > 0
    await echo(host, port)
    assert site.server.states[0].peer.listener == "test"


@needs_ipv6
async def test_without_a_host_every_interface_is_listened_on_with_one_port(site):
    listener = await site.listen(bind=":0")
    assert sorted(host for host, _ in listener.addresses) == ["0.0.0.0", "::"]
    (port,) = {port for _, port in listener.addresses}
    for host in ("127.0.0.1", "::1"):
        await echo(host, port)
    assert [state.peer.address for state in site.server.states] == ["127.0.0.1", "::1"]


async def test_without_ipv6_every_interface_is_that_of_ipv4(site, monkeypatch):
    bind_one = tcp._bind_one

    def without_ipv6(family, address):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        return bind_one(family, address)

    monkeypatch.setattr(tcp, "_bind_one", without_ipv6)
    listener = await site.listen(bind=":0")
    assert [host for host, _ in listener.addresses] == ["0.0.0.0"]


async def test_localhost_is_a_host(site):
    listener = await site.listen(bind="localhost:0")
    assert ("127.0.0.1", listener.addresses[0][1]) in listener.addresses
    await echo("127.0.0.1", listener.addresses[0][1])


@needs_ipv6
async def test_an_ipv6_address_is_a_host(site):
    listener = await site.listen(bind="[::1]:0")
    assert listener.addresses[0][0] == "::1"
    await echo("::1", listener.addresses[0][1])


async def test_another_free_port_is_tried_when_one_is_only_free_for_one_family(site, monkeypatch):
    bind_one, refused = tcp._bind_one, []

    def refuse_once(family, address):
        if family == socket.AF_INET6 and not refused:
            refused.append(address[1])
            raise OSError(errno.EADDRINUSE, "in use")
        return bind_one(family, address)

    monkeypatch.setattr(tcp, "_bind_one", refuse_once)
    monkeypatch.setattr(tcp.socket, "has_ipv6", True)
    listener = await site.listen(bind=":0")
    assert len(refused) == 1
    assert listener.addresses[0][1] > 0


async def test_an_address_in_use_says_what_to_do_and_leaves_nothing_bound(site):
    port = await site.port()
    with pytest.raises(ListenerError) as caught:
        await site.listen(name="second", bind=f"127.0.0.1:{port}")
    assert str(caught.value) == (
        f"listener 'second': cannot bind 127.0.0.1:{port}: address already in use; "
        "is another broker running? choose another port with bind:"
    )
    await echo("127.0.0.1", port)


@needs_ipv6
async def test_a_bind_that_fails_for_one_family_leaves_the_other_free(site):
    with kept_port() as port, socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("::", port))
        taken.listen()
        with pytest.raises(ListenerError, match=r"cannot bind \*:"):
            await site.listen(bind=f":{port}")
        assert is_free(port)


@pytest.mark.parametrize(("settings", "said"), [
    ({"bind": "127.0.0.1:abc"}, "Invalid port value in bind value: 127.0.0.1:abc"),
    ({"bind": "192.0.2.1:0"}, "cannot bind 192.0.2.1:0: cannot assign requested address; it is no address"),
    ({"bind": "no such host.invalid:0"}, "Invalid host in bind value"),
    ({"bind": "nowhere.invalid:0"}, "cannot resolve 'nowhere.invalid'"),
    ({"bind": ("x" * 70 + ".invalid", 0)}, "cannot resolve"),
    ({"type": "TCP"}, "type is one of tcp, ws, unix, external, http, not 'TCP'"),
    ({"type": "unix"}, "a Unix socket needs a file; name it with path:"),
    ({"type": "unix", "tls": TlsSettings("a", "b")}, "a Unix socket has no TLS"),
])
async def test_what_is_wrong_with_a_listener_is_said(site, settings, said):
    with pytest.raises(ListenerError) as caught:
        await site.listen(**settings)
    assert str(caught.value).startswith("listener 'test': ")
    assert said in str(caught.value)


async def test_a_closed_listener_frees_its_address_and_keeps_who_is_inside(site):
    listener = await site.listen()
    port = listener.addresses[0][1]
    reader, writer = await site.connect(port)
    writer.write(b"hello")
    await reader.readexactly(5)
    await listener.close()
    await listener.close()
    assert is_free(port)
    with pytest.raises(ConnectionRefusedError):
        await site.connect(port)
    writer.write(b"still here")
    assert await reader.readexactly(10) == b"still here"
    again = await site.listen(bind=("127.0.0.1", port))
    assert again.addresses == [("127.0.0.1", port)]


async def test_who_is_within_the_tls_handshake_when_the_listener_closes_is_dismissed(site, authority):
    tls = TlsSettings(authority.certfile, authority.keyfile)
    listener = await site.listen(tls=tls)
    reader, _ = await site.connect(listener.addresses[0][1])
    await site.server.first()
    await listener.close()
    site.house.dismiss()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    async with asyncio.timeout(10):
        await site.house.emptied()


async def test_who_was_accepted_in_the_very_moment_of_closing_is_closed(site):
    listener = await site.listen()
    peer = site.connect_deaf(listener.addresses[0][1])
    (acceptor,) = listener._acceptors
    acceptor._accept()
    await listener.close()
    assert site.house.connections == set()
    assert [state.arrived for state in site.server.states] == [b""]
    async with asyncio.timeout(10):
        assert await asyncio.get_running_loop().sock_recv(peer, 1) == b""


async def test_more_connections_than_allowed_are_closed_at_once_and_counted(site):
    listener = await site.listen(max_connections=2)
    port = listener.addresses[0][1]
    inside = [await site.connect(port) for _ in range(2)]
    for reader, writer in inside:
        writer.write(b"x")
        await reader.readexactly(1)
    for _ in range(3):
        reader, writer = await site.connect(port)
        assert await asyncio.wait_for(reader.read(), 10) == b""
    assert listener.open_connections == 2
    assert listener.refused == 3
    assert len(site.server.states) == 2
    inside[0][1].close()
    await site.server.until(lambda: site.server.states[0].reason is not None)
    reader, writer = await site.connect(port)
    writer.write(b"me too")
    assert await asyncio.wait_for(reader.readexactly(6), 10) == b"me too"


async def test_a_crowd_comes_in(site):
    port = await site.port()
    peers = await asyncio.gather(*(site.connect(port) for _ in range(200)))
    for _, writer in peers:
        writer.write(b"x")
    for reader, _ in peers:
        assert await asyncio.wait_for(reader.readexactly(1), 10) == b"x"
    assert len(site.house.connections) == 200


async def test_without_file_descriptors_newcomers_are_refused_and_the_rest_goes_on(site, monkeypatch):
    # It looks again when there are some: how long that takes is not known.
    monkeypatch.setattr(acceptor, "EXHAUSTED_PAUSE", 1000.0)
    listener = await site.listen()
    port = listener.addresses[0][1]
    reader, writer = await site.connect(port)
    writer.write(b"x")
    await reader.readexactly(1)
    newcomers = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    late = socket.socket()
    site.sockets.extend([*newcomers, late])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    fillers: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.open(os.devnull, os.O_RDONLY))
        for newcomer in newcomers:
            newcomer.setblocking(False)
        loop = asyncio.get_running_loop()
        refused = [await asyncio.wait_for(loop.sock_recv(one, 1), 10) for one in newcomers]
        assert refused == [b""] * 8
        late.connect(("127.0.0.1", port))
        writer.write(b"still here")
        assert await asyncio.wait_for(reader.readexactly(10), 10) == b"still here"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)
    assert [fault.errno for fault in site.faults] == [errno.EMFILE]
    (accepting,) = listener._acceptors
    accepting._pause.cancel()
    accepting._wait(0.01)
    late.setblocking(False)
    await loop.sock_sendall(late, b"late")
    assert await asyncio.wait_for(loop.sock_recv(late, 4), 10) == b"late"
    reader, writer = await site.connect(port)
    writer.write(b"back")
    assert await asyncio.wait_for(reader.readexactly(4), 10) == b"back"


# Unix sockets.


async def unix_echo(path: str) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"hello")
    assert await asyncio.wait_for(reader.readexactly(5), 10) == b"hello"
    writer.transport.abort()


async def test_a_unix_socket_is_a_listener_and_its_file_goes_with_it(site, tmp_path):
    path = str(tmp_path / "mqtt.sock")
    listener = await site.listen(type="unix", path=path)
    assert listener.addresses == [path]
    await unix_echo(path)
    peer = site.server.states[0].peer
    assert (peer.address, peer.port, peer.transport, peer.secure) == ("", 0, "unix", False)
    await listener.close()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
async def test_a_unix_socket_has_the_mode_and_owner_that_are_asked_for(site, tmp_path, mode):
    path = str(tmp_path / "mqtt.sock")
    previous = os.umask(0o077)
    try:
        await site.listen(type="unix", path=path, mode=mode, owner=str(os.getuid()), group=str(os.getgid()))
    finally:
        os.umask(previous)
    made = os.stat(path)
    assert stat.S_IMODE(made.st_mode) == mode
    assert (made.st_uid, made.st_gid) == (os.getuid(), os.getgid())


async def test_nobody_connects_to_a_unix_socket_before_its_mode_is_set(site, tmp_path, monkeypatch):
    path = str(tmp_path / "mqtt.sock")
    refused = []

    def look(changed: str, mode: int) -> None:
        with socket.socket(socket.AF_UNIX) as early, pytest.raises(ConnectionRefusedError):
            early.connect(changed)
        refused.append(changed)

    monkeypatch.setattr("amqtt.net.unix.os.chmod", look)
    await site.listen(type="unix", path=path)
    assert refused == [path]


async def test_the_file_of_a_dead_broker_is_replaced(site, tmp_path):
    path = str(tmp_path / "mqtt.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    await site.listen(type="unix", path=path)
    await unix_echo(path)


async def test_a_unix_socket_that_somebody_listens_on_is_left_alone(site, tmp_path):
    path = str(tmp_path / "mqtt.sock")
    await site.listen(type="unix", path=path)
    with pytest.raises(ListenerError, match="address already in use; is another broker running"):
        await site.listen(name="second", type="unix", path=path)
    await unix_echo(path)


async def test_a_file_that_a_newer_broker_has_made_is_not_removed(site, tmp_path):
    path = str(tmp_path / "mqtt.sock")
    listener = await site.listen(type="unix", path=path)
    os.unlink(path)
    await site.listen(name="newer", type="unix", path=path)
    await listener.close()
    await unix_echo(path)


@pytest.mark.parametrize(("name", "settings", "said"), [
    ("file", {}, "a file that is no socket is in its place"),
    ("none/mqtt.sock", {}, "no such file or directory; make its directory first"),
    ("x" * 200, {}, "too long; choose a shorter path:"),
    ("mqtt.sock", {"owner": "nobody-of-that-name"}, "there is no user 'nobody-of-that-name'"),
    ("mqtt.sock", {"group": "nobody-of-that-name"}, "there is no group 'nobody-of-that-name'"),
])
async def test_what_is_wrong_with_a_unix_socket_is_said(site, tmp_path, name, settings, said):
    (tmp_path / "file").write_text("precious")
    path = str(tmp_path / name)
    with pytest.raises(ListenerError) as caught:
        await site.listen(type="unix", path=path, **settings)
    assert str(caught.value).startswith(f"listener 'test': cannot bind {path}: ")
    assert said in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "precious"


async def test_listener_settings_without_anything_are_a_tcp_listener(site):
    listener = await open_listener(ListenerSettings("plain", bind=0), site.house)
    site.listeners.append(listener)
    assert listener.tls is None
    assert all(port > 0 for _, port in listener.addresses)
