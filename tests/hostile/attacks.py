"""What strangers and Clients try, by the rows of the security page; each goes on for the Site's seconds."""

import asyncio
import ssl
import time
from itertools import count
from random import Random

from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Disconnect,
    Pingreq,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    WillFields,
)
from hostile.scenario import again_and_again, hello, inside, leave, scenario, written
from hostile.site import Deaf, Site
from support.packet_cases import FAULTS
from support.raw_client import properties
from support.raw_websocket import BINARY, CONTINUATION, PING, frame
from support.sizes import sized

UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)
HUGE = b"\x10\xff\xff\xff\x7f"
PAIR = ("k", "v")
RETAINED = sized(100_000, 1_000_000)


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


@scenario("F1", "one Client subscribes and never reads; one publishes to it, QoS 0")
async def one_never_reads(site: Site) -> None:
    deaf, publisher = await inside(site, "deaf"), await inside(site, "publisher")
    await deaf.send(written(Subscribe(1, [SubscriptionRequest("flood")])))
    await asyncio.sleep(0.1)
    deaf.transport.pause_reading()
    message = written(Publish("flood", bytes(10_000)))
    await again_and_again(site, lambda _: _sent(publisher, message), 1)
    leave([deaf, publisher])


@scenario(
    "F3", f"{RETAINED:,} retained messages, and 20 Clients that ask for all of them over and over",
    rounds=sized(5, 2), limits={"maximum-retained-messages": RETAINED},
)
async def retained(site: Site) -> None:
    publisher = await inside(site, "publisher")
    await _retain(publisher, b"x" * 20)
    ask = Subscribe(1, [SubscriptionRequest("#")])
    async with site.client("patient") as patient:
        begun, before = time.perf_counter(), site.memory()
        patient.send(ask)
        while not isinstance(await patient.receive(), Publish):
            pass
        site.note(f"the first message after {1000 * (time.perf_counter() - begun):.1f} ms")
    crowd = [await inside(site, f"greedy{number}") for number in range(20)]

    async def one(number: int) -> None:
        await crowd[number % 20].send(written(ask))
        await asyncio.sleep(0.05)

    await again_and_again(site, one, 20)
    site.note(f"{before:.0f} MiB before and {site.memory():.0f} behind")
    leave(crowd)
    await _retain(publisher, b"")
    publisher.abort()


async def _retain(publisher: Deaf, payload: bytes) -> None:
    """Publish them all, and wait until they are retained."""
    for at in range(0, RETAINED, 500):
        topics = [f"r/{number % 100}/{number}" for number in range(at, at + 500)]
        await publisher.send(written(*(Publish(topic, payload, 0, True) for topic in topics)))
    publisher.answered.clear()
    await publisher.send(written(Pingreq()))
    async with asyncio.timeout(600):
        await publisher.answered.wait()


@scenario(
    "F5", "messages of 10 kB for 500 Sessions whose Clients are away", rounds=6, rest=11.0,
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
