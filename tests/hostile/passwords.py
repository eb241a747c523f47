"""Attacks on passwords. Each guess costs a broker 64 MiB and a tenth of a second, whoever makes it."""

import asyncio
import math
import time
from statistics import mean

from hostile.scenario import again_and_again, hello, inside, leave, scenario
from hostile.site import Deaf, Site
from support.raw_client import RawClient
from support.sizes import sized

NOBODY_KNOWS = (
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$vlnDhFMVnQzGeJnC/ilOLnhJHDOiTCTaIzBGqBYdHwM"
)
SECRET_WORD = (
    "$argon2id$v=19$m=65536,t=3,p=4$rY4zBNeLM1cIuhB/OR+FOA$UVkPT0EicnaxZhrDaRyXgUIlSaRW6HxnqtWyCdNRmOk"
)
"""Of `secret word`."""
LINES = "".join(f"user{number}:{NOBODY_KNOWS}\n" for number in range(50)) + f"good:{SECRET_WORD}\n"
"""The password file of each broker that has one."""
RATE = 2_000
"""Guesses in a second."""


@scenario(
    "C2", "guesses at users that there are and at others, in turn", auth={"password-file": "passwd"},
    limits={"maximum-failed-logins": 0},
)
async def who_is_there(site: Site) -> None:
    waited: dict[str, list[float]] = {"user1": [], "nobody": []}
    for number in range(2 * sized(20, 500)):
        name = ("user1", "nobody")[number % 2]
        made = await RawClient.open(("127.0.0.1", site.ports["tcp"]))
        begun = time.perf_counter()
        made.send(hello(f"c{number}", username=name, password=b"guess"))
        await made.read_to_end()
        waited[name].append(time.perf_counter() - begun)
        await made.close()
    known, unknown = waited.values()
    site.note(
        f"{len(known)} each, means {100 * abs(mean(known) / mean(unknown) - 1):.1f} % apart, "
        f"p = {mann_whitney(known, unknown):.2f}"
    )


def mann_whitney(some: list[float], others: list[float]) -> float:
    """How probable it is that chance alone has those of one list come before the others as these do."""
    ranked = sorted([(value, True) for value in some] + [(value, False) for value in others])
    ranks = sum(rank for rank, (_, is_one) in enumerate(ranked, start=1) if is_one)
    n, m = len(some), len(others)
    expected, deviation = n * (n + m + 1) / 2, math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(ranks - expected) / deviation / math.sqrt(2))


@scenario("C3", "wrong passwords as fast as they go", auth={"password-file": "passwd"})
async def wrong_passwords(site: Site) -> None:
    async def one(number: int) -> None:
        made = await inside(site, f"g{number}", username=f"user{number % 100}", password=b"guess")
        async with asyncio.timeout(30):
            await made.closed.wait()

    await again_and_again(site, one, 1_000)


@scenario(
    "C3", f"{RATE:,} wrong passwords a second, and somebody who knows his comes from another address",
    rest=11.0, auth={"password-file": "passwd"},
)
async def a_flood_of_guesses(site: Site) -> None:
    loop = asyncio.get_running_loop()
    begun, number = loop.time(), 0
    crowd: list[Deaf] = []
    welcome = loop.create_task(_is_welcome(site))
    while not site.over(begun):
        number += 1
        crowd.append(await inside(site, f"f{number}", username=f"user{number}", password=b"guess"))
        if number % 1_000 == 0:
            crowd = [each for each in crowd if not each.closed.is_set()]
        await asyncio.sleep(max(0.0, begun + number / RATE - loop.time()))
    seconds = loop.time() - begun
    site.note(f"{number / seconds:,.0f} a second; he was let in after {await welcome:.1f} s")
    leave(crowd)


async def _is_welcome(site: Site) -> float:
    """Come in the middle of it, and say how long that took."""
    await asyncio.sleep(site.seconds / 2)
    begun = time.perf_counter()
    made = await site.open("tcp", "127.0.0.2")
    await made.send(hello("good", username="good", password=b"secret word"))
    async with asyncio.timeout(30):
        await made.answered.wait()
    waited = time.perf_counter() - begun
    if made.data[3:4] != b"\0":
        raise ConnectionError("who knows his password is refused")
    made.abort()
    return waited
