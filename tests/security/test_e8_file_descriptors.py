"""E8: a broker that runs out of file descriptors refuses newcomers at once and serves who is inside."""

import asyncio
import os
import resource
import sys

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"
DESCRIPTORS = 64
PROGRAM = """
import asyncio, sys
from amqtt.broker import Broker
async def main():
    listeners = {"default": {"type": "tcp"}, "x": {"bind": "127.0.0.1:0"}}
    async with Broker({"listeners": listeners, "sys_interval": 0}) as broker:
        print(broker.listeners["x"].addresses[0][1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
"""


async def test_with_64_descriptors_newcomers_are_closed_and_the_rest_is_served():
    broker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    peers = []
    try:
        async with asyncio.timeout(60):
            port = int(await broker.stdout.readline())
            inside, refused = 0, 0
            for number in range(2 * DESCRIPTORS):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                peers.append((reader, writer))
                writer.write(CONNECT[:-1] + bytes((number + 1,)))
                try:
                    answer = await reader.read(4)
                except ConnectionError:
                    answer = b""
                inside += answer == b"\x20\x02\0\0"
                refused += answer == b""
            assert inside == DESCRIPTORS // 2
            assert refused == 2 * DESCRIPTORS - inside
            reader, writer = peers[0]
            writer.write(b"\xc0\0")
            assert await reader.readexactly(2) == b"\xd0\0"
    finally:
        for _, writer in peers:
            writer.transport.abort()
        broker.stdin.close()
        await asyncio.wait_for(broker.wait(), 60)
    assert broker.returncode == 0
