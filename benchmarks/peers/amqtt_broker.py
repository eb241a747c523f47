"""Run our Broker: LOOP FORM PORT TRANSPORT CERTFILE KEYFILE CONFIGURATION.

LOOP is "uvloop" or "asyncio". FORM is "installed", or "pure" for the Python source where it is compiled too.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path

import yaml


def prefer_source() -> None:
    """Import modules from their source from now on, where there is one beside the compiled form."""
    finder = FileFinder.path_hook((SourceFileLoader, [".py"]), (ExtensionFileLoader, EXTENSION_SUFFIXES))
    sys.path_hooks.insert(0, finder)
    sys.path_importer_cache.clear()


def configuration(words: list[str]) -> dict[str, object]:
    """The configuration file, with the listener that the command line asks for."""
    port, transport, certfile, keyfile, path = words
    listener: dict[str, object] = {"type": "ws" if transport == "wss" else "tcp", "bind": f"127.0.0.1:{port}"}
    if transport != "tcp":
        listener |= {"ssl": True, "certfile": certfile, "keyfile": keyfile}
    read = yaml.safe_load(Path(path).read_text())
    return {"listeners": {"default": listener}, **read}


async def _serve(config: dict[str, object]) -> None:
    from amqtt.broker import Broker
    from amqtt.cli.collector import collect_seldom

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Broker(config):
        collect_seldom()  # as the command does
        await stop.wait()


def main() -> None:
    """Serve until SIGTERM."""
    loop, form, *words = sys.argv[1:]
    if form == "pure":
        prefer_source()
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(configuration(words)))


if __name__ == "__main__":
    main()
