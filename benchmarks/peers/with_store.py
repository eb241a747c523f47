"""The broker under test with a store, for shapes in which nothing is durable: what it costs then.

`make bench BENCH='--shapes flood qos1 --brokers "amqtt uvloop" --peer "with store=python -m
benchmarks.peers.with_store {port} {folder}"'`, with the python of `.venv`.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Become the broker."""
    port, folder = sys.argv[1:]
    config = Path(folder) / "with_store.yaml"
    kept = f"persistence:\n  file: {folder}/amqtt.db\n  durability: full\n"
    config.write_text((HERE / "amqtt.yaml").read_text(encoding="utf-8") + kept, encoding="utf-8")
    words = ["uvloop", "installed", port, "tcp", "", "", str(config)]
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks.peers.amqtt_broker", *words])  # noqa: S606


if __name__ == "__main__":
    main()
