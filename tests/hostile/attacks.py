"""What strangers and Clients try, by the rows of the security page; each goes on for the Site's seconds."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    WillFields,
)
from hostile.site import Deaf, Site
from support.packet_cases import FAULTS
from support.raw_client import properties
from support.raw_websocket import BINARY, CONTINUATION, PING, frame

ARGON2 = (
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$vlnDhFMVnQzGeJnC/ilOLnhJHDOiTCTaIzBGqBYdHwM"
)
"""Of no password that anybody knows: 64 MiB and a tenth of a second for each guess."""
UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)
HUGE = b"\x10\xff\xff\xff\x7f"
PAIR = ("k", "v")

Attack = Callable[[Site], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """One attack on a broker with this configuration besides the usual one."""

    row: str
    text: str
    attack: Attack
    config: Mapping[str, Any] = field(default_factory=dict)
    descriptors: int = 0
    """As many as there are if it is 0."""
    rounds: int = 2
    """How often it is made. Where much is kept for a while, an allocator needs some until it has enough."""


SCENARIOS: list[Scenario] = []


def scenario(
    row: str, text: str, *, descriptors: int = 0, rounds: int = 2, **config: Any
) -> Callable[[Attack], Attack]:
    def note(attack: Attack) -> Attack:
        SCENARIOS.append(Scenario(row, text, attack, config, descriptors, rounds))
        return attack

    return note


def hello(client_id: str, version: int = MQTT_5, *, clean: bool = True, **more: Any) -> bytes:
    given = {name: more.pop(name) for name in ("username", "password", "will") if name in more}
    packet = Connect(client_id, version, clean, **given, properties=properties(**more) if more else None)
    return encode(packet, version)


def written(*packets: Packet, version: int = MQTT_5) -> bytes:
    return b"".join(encode(packet, version) for packet in packets)


async def inside(site: Site, client_id: str, listener: str = "tcp", **more: Any) -> Deaf:
    """A Client that was accepted, and reads and forgets what it is sent."""
    made = await site.open(listener)
    await made.send(hello(client_id, **more))
    return made


async def again_and_again(site: Site, one: Callable[[int], Awaitable[None]], at_a_time: int = 20) -> None:
    """Do it over and over, a few at a time, until the time is over."""
    begun, numbers = asyncio.get_running_loop().time(), count()

    async def on() -> None:
        while not site.over(begun):
            await one(next(numbers))

    await asyncio.gather(*(on() for _ in range(at_a_time)))


def leave(crowd: list[Deaf]) -> None:
    for each in crowd:
        each.abort()


# -- A: packets


@scenario("A1", "500 sockets announce 256 MiB before CONNECT, again and again")
async def huge_connects(site: Site) -> None:
    async def one(_: int) -> None:
        crowd = await site.crowd(25)
        for each in crowd:
            await each.send(HUGE + bytes(10_000))
        leave(crowd)

    await again_and_again(site, one)


@scenario("A2, A3, A4, A10", "every malformed packet there is, before and behind a CONNECT")
async def malformed(site: Site) -> None:
    faults = [case for case in FAULTS if "beyond the bound" not in case.name]

    async def one(number: int) -> None:
        case = faults[number % len(faults)]
        made = await site.open()
        before = hello(f"bad{number}", case.version) if case.version else b""
        await made.send(before + case.data)
        async with asyncio.timeout(30):
            await made.closed.wait()

    await again_and_again(site, one)


@scenario("A5", "CONNECT and PUBLISH with as many User Properties as fit")
async def user_properties(site: Site) -> None:
    connect = hello("p", user_properties=(PAIR,) * 9_000)
    publish = written(Publish("a", b"", properties=properties(user_properties=(PAIR,) * 100_000)))

    async def one(number: int) -> None:
        made = await (site.open() if number % 2 else inside(site, f"p{number}"))
        await made.send(connect if number % 2 else publish)
        async with asyncio.timeout(30):
            await made.closed.wait()

    await again_and_again(site, one)


@scenario("A6", "topics of 65,535 levels and of 200, published, subscribed to and retained")
async def deep_topics(site: Site) -> None:
    async def one(number: int) -> None:
        made = await inside(site, f"d{number}")
        deep = "/" * 199 if number % 4 else "/" * 65_535
        await made.send(
            written(
                Publish(deep, b"x", 0, True),
                Subscribe(1, [SubscriptionRequest(deep), SubscriptionRequest("#")]),
            )
        )
        made.abort()

    await again_and_again(site, one)


@scenario("A7", "as many wildcard filters of 200 levels as are granted, and messages that match them all")
async def dear_filters(site: Site) -> None:
    levels = ["a"] * 200
    crowd = []
    for who in range(10):
        made = await inside(site, f"w{who}")
        filters = ["/".join((*levels[:at], "+", *levels[at + 1 :])) for at in range(200)]
        await made.send(written(Subscribe(1, [SubscriptionRequest(each) for each in filters])))
        crowd.append(made)
    publisher = await inside(site, "publisher")
    message = written(Publish("/".join(levels), b"x"))
    await again_and_again(site, lambda _: _sent(publisher, message * 5), 1)
    leave([*crowd, publisher])


async def _sent(made: Deaf, data: bytes) -> None:
    await made.send(data)


@scenario("A8, F4", "1,000 filters in each SUBSCRIBE and UNSUBSCRIBE, over and over")
async def subscriptions(site: Site) -> None:
    async def one(number: int) -> None:
        filters = [f"{number}/{at}/+/#" if at % 2 else f"{number}/{at}" for at in range(1_000)]
        made = crowd[number % len(crowd)]
        requests = [SubscriptionRequest(each) for each in filters]
        await made.send(written(Subscribe(1, requests), Unsubscribe(2, filters)))

    crowd = [await inside(site, f"s{who}") for who in range(10)]
    await again_and_again(site, one, 10)
    leave(crowd)


# -- B: Sessions


@scenario("B1, B6", "65,535 PUBLISH of QoS 2 and never a PUBREL")
async def never_released(site: Site) -> None:
    flood = {
        version: written(
            *(Publish("a", b"x", 2, packet_id=number) for number in range(1, 65_536)), version=version
        )
        for version in (MQTT_3_1_1, MQTT_5)
    }

    async def one(number: int) -> None:
        version = MQTT_5 if number % 2 else MQTT_3_1_1
        made = await inside(site, f"q{number}", version=version)
        await made.send(flood[version])
        if version == MQTT_5:
            async with asyncio.timeout(30):
                await made.closed.wait()
        made.abort()

    await again_and_again(site, one, 5)


@scenario("B4", "200 connections fight for one Client Identifier, with Wills and QoS 1")
async def take_over(site: Site) -> None:
    random = Random(4)

    async def one(number: int) -> None:
        will = WillFields("will", b"x", 1)
        made = await inside(site, "one", clean=False, will=will, session_expiry_interval=60)
        await made.send(
            written(
                Subscribe(1, [SubscriptionRequest("#", 1)]),
                Publish("news", b"%d" % number, 1, packet_id=1),
            )
        )
        if random.random() < 0.3:
            await made.send(written(Disconnect()))
        made.abort()

    await again_and_again(site, one, 200)


@scenario("B8", "Sessions that never expire, by the thousand", limits={"maximum-sessions": 5_000})
async def hoarded_sessions(site: Site) -> None:
    async def one(number: int) -> None:
        made = await inside(site, f"hoard{number}", clean=False, session_expiry_interval=0xFFFFFFFF)
        await made.send(written(Subscribe(1, [SubscriptionRequest("t", 1)])))
        made.abort()

    await again_and_again(site, one)


# -- C: passwords


@scenario(
    "C3", "wrong passwords as fast as they go, of 64 MiB of Argon2id each", auth={"password-file": "passwd"}
)
async def wrong_passwords(site: Site) -> None:
    async def one(number: int) -> None:
        made = await inside(site, f"g{number}", username=f"user{number % 100}", password=b"guess")
        async with asyncio.timeout(30):
            await made.closed.wait()

    await again_and_again(site, one, 1_000)


# -- E: what comes before MQTT


@scenario("E1, E2, E3", "WebSocket: endless fragments, frames of 2^63 bytes, pings, text, garbage")
async def websocket(site: Site) -> None:
    first = frame(BINARY, hello("w"))
    endless = frame(BINARY, b"\xc0\x00", last=False) + frame(CONTINUATION, bytes(60_000), last=False) * 20
    bad = [
        b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4), first + endless, frame(PING, bytes(125)) * 500,
        frame(1, b"x"), frame(BINARY, bytes(1000), reserved=4), bytes(50_000),
        first + frame(PING, b"x") * 5_000,
    ]

    async def one(number: int) -> None:
        made = await site.open("ws")
        await made.send(UPGRADE + bad[number % len(bad)])
        if number % len(bad) not in (2, 6):
            async with asyncio.timeout(30):
                await made.closed.wait()
        made.abort()

    await again_and_again(site, one)


def client_hello() -> bytes:
    outward = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outward, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return outward.read()
    raise AssertionError


@scenario("E5", "900 strangers on TCP, TLS, WebSocket and PROXY send a byte now and then")
async def slowly(site: Site) -> None:
    proxied = b"PROXY UNKNOWN\r\n" + hello("s")
    stages = {"tcp": hello("slow"), "tls": client_hello(), "ws": UPGRADE, "proxied": proxied}
    crowd = [(said, each) for name, said in stages.items() for each in await site.crowd(225, name)]
    begun = asyncio.get_running_loop().time()
    for at in count():
        if site.over(begun):
            break
        for said, each in crowd:
            await each.send(said[at : at + 1] if at < len(said) - 1 else b"")
        await asyncio.sleep(0.2)
    leave([each for _, each in crowd])


@scenario("E6", "TLS handshakes begun and thrown away, as fast as they go")
async def handshakes(site: Site) -> None:
    said = client_hello()

    async def one(_: int) -> None:
        made = await site.open("tls")
        await made.send(said)
        async with asyncio.timeout(30):
            await made.answered.wait()
        made.abort()

    await again_and_again(site, one)


@scenario("E7", "PROXY headers of all kinds, true and false")
async def proxy_headers(site: Site) -> None:
    binary = b"\r\n\r\n\0\r\nQUIT\n"
    headers = [
        b"PROXY TCP4 192.0.2.7 127.0.0.1 1 1883\r\n", b"PROXY " + b"x" * 200, binary + b"\x21\x11\xff\xff",
        binary + b"\x21\x11\x10\x00" + bytes(4096), b"\0" * 4096, binary + b"\x20\x00\x00\x00",
    ]

    async def one(number: int) -> None:
        made = await site.open("proxied")
        await made.send(headers[number % len(headers)] + hello(f"x{number}"))
        await asyncio.sleep(0.01)
        made.abort()

    await again_and_again(site, one)


@scenario("E8", "five times as many connections as there are file descriptors", descriptors=256)
async def descriptors(site: Site) -> None:
    async def one(_: int) -> None:
        crowd = await site.crowd(64)
        await asyncio.sleep(0.05)
        leave(crowd)

    await again_and_again(site, one)


@scenario("F7", "a storm of Clients that connect, subscribe and go")
async def storm(site: Site) -> None:
    async def one(number: int) -> None:
        made = await inside(site, f"c{number}")
        await made.send(written(Subscribe(1, [SubscriptionRequest(f"s/{number}")]), Disconnect()))
        async with asyncio.timeout(30):
            await made.closed.wait()

    await again_and_again(site, one, 50)


# -- F: resources


@scenario("F1", "20 Clients subscribe and never read; ten publish to them, QoS 0 and 1")
async def never_read(site: Site) -> None:
    deaf = []
    for number in range(20):
        made = await inside(site, f"deaf{number}")
        await made.send(written(Subscribe(1, [SubscriptionRequest("flood/#", number % 2)])))
        await asyncio.sleep(0.01)
        made.transport.pause_reading()
        deaf.append(made)
    publishers = [await inside(site, f"p{number}") for number in range(10)]
    message = written(Publish("flood/0", bytes(10_000)), Publish("flood/1", bytes(10_000), 1, packet_id=1))
    await again_and_again(site, lambda number: _sent(publishers[number % 10], message), 10)
    leave([*deaf, *publishers])


@scenario("F3", "100,000 retained messages, and 20 Clients that ask for all of them over and over", rounds=5)
async def retained(site: Site) -> None:
    publisher = await inside(site, "publisher")
    await _retain(publisher, b"x" * 20)
    ask = written(Subscribe(1, [SubscriptionRequest("#")]))
    crowd = [await inside(site, f"greedy{number}") for number in range(20)]

    async def one(number: int) -> None:
        await crowd[number % 20].send(ask)
        await asyncio.sleep(0.05)

    await again_and_again(site, one, 20)
    leave(crowd)
    await _retain(publisher, b"")
    publisher.abort()


async def _retain(publisher: Deaf, payload: bytes) -> None:
    for at in range(0, 100_000, 500):
        topics = [f"r/{number % 100}/{number}" for number in range(at, at + 500)]
        await publisher.send(written(*(Publish(topic, payload, 0, True) for topic in topics)))


@scenario(
    "F5", "messages of 10 kB for 500 Sessions whose Clients are away", rounds=6,
    limits={"maximum-queued-bytes-in-all": 64 * 1024 * 1024},
)
async def hoarded_messages(site: Site) -> None:
    for number in range(500):
        made = await inside(site, f"away{number}", clean=False, session_expiry_interval=8)
        filters = [SubscriptionRequest(each, 1) for each in (f"a/{number}", "all")]
        await made.send(written(Subscribe(1, filters)))
        made.transport.close()
    publisher = await inside(site, "publisher")

    async def one(number: int) -> None:
        topic = "all" if number % 100 == 0 else f"a/{number % 500}"
        await publisher.send(written(Publish(topic, bytes(10_000), 1, packet_id=1)))

    await again_and_again(site, one, 1)
    publisher.abort()


@scenario("F6", "ten Clients publish as fast as they can to one that reads")
async def flood(site: Site) -> None:
    reader = await inside(site, "reader")
    await reader.send(written(Subscribe(1, [SubscriptionRequest("#", 1)])))
    publishers = [await inside(site, f"p{number}") for number in range(10)]
    block = written(*(Publish("a", b"x" * 100, 0) for _ in range(200)))
    await again_and_again(site, lambda number: _sent(publishers[number % 10], block), 10)
    leave([*publishers, reader])


@scenario("F6", "the same, with a rate of 100 messages a second", limits={"maximum-publish-rate": 100})
async def limited_flood(site: Site) -> None:
    publishers = [await inside(site, f"p{number}") for number in range(10)]
    block = written(*(Publish("a", b"x" * 100, 1, packet_id=number) for number in range(1, 201)))
    try:
        async with asyncio.timeout(site.seconds):
            await asyncio.gather(*(_endlessly(each, block) for each in publishers))
    except TimeoutError:
        leave(publishers)


async def _endlessly(made: Deaf, block: bytes) -> None:
    while await made.send(block):
        pass


@scenario("F9, F10", "names with line feeds, escapes, 60 KiB, and packets that are worth a line of the log")
async def names(site: Site) -> None:
    async def one(number: int) -> None:
        name = ("line\nWARNING forged", "\x1b[31mred", "\u20ac" * 15_000, f"random {number}")[number % 4]
        made = await inside(site, name, username=name[:9_000])
        await made.send(b"\xf1")
        async with asyncio.timeout(30):
            await made.closed.wait()

    await again_and_again(site, one)


@scenario("G7", "/metrics asked for as fast as it goes, and 200 connections that ask nothing")
async def metrics(site: Site) -> None:
    async def one(number: int) -> None:
        made = await site.open("http")
        if number % 3:
            await made.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(30):
                await made.closed.wait()
        else:
            silent.append(made)

    silent: list[Deaf] = []
    await again_and_again(site, one)
    leave(silent)
