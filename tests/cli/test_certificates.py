"""`amqtt certs dev`: certificates with which TLS works at once, and whose keys nobody else can read."""

import asyncio
import json
import ssl
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from amqtt.broker import Broker
from amqtt.cli.command import app


def made(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["certs", "dev", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.stderr


async def test_the_lines_that_it_prints_are_a_broker_with_tls(tmp_path: Path) -> None:
    config = yaml.safe_load(made(tmp_path / "c", "--name", "broker.example", "--client", "alice"))
    config["listeners"]["default"] |= {
        "bind": "127.0.0.1:0", "cafile": str(tmp_path / "c" / "ca.pem"), "require-certificate": True,
    }
    context = ssl.create_default_context(cafile=str(tmp_path / "c" / "ca.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(tmp_path / "c" / "alice.pem", tmp_path / "c" / "alice.key")
    async with Broker(config) as broker:
        ((_, port),) = broker.listeners["default"].addresses
        for name in ("localhost", "127.0.0.1", "broker.example"):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname=name
            )
            writer.write(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a")
            assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
            writer.close()
            await writer.wait_closed()


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    made(tmp_path / "c")
    keys = sorted((tmp_path / "c").glob("*.key"))
    assert [key.name for key in keys] == ["ca.key", "server.key"]
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700


def test_a_second_time_the_authority_is_the_same_and_nothing_is_written_over(tmp_path: Path) -> None:
    made(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert "server.pem is there already" in made(tmp_path, status=1)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "server.pem").unlink()
    (tmp_path / "server.key").unlink()
    made(tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() == before[tmp_path / "ca.pem"]


@pytest.mark.parametrize("user", ["", "../x", "ca", "server", "a\nb"])
def test_a_client_has_a_name_that_can_be_a_file(tmp_path: Path, user: str) -> None:
    assert "cannot be the name" in made(tmp_path, "--client", user, status=1)


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "neither a host name nor an address" in made(tmp_path, "--name", "bröker", status=1)


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert "pip install 'amqtt[certs]'" in made(tmp_path, status=1)


def test_what_is_printed_can_be_json(tmp_path: Path) -> None:
    said = json.loads(made(tmp_path, "--json"))
    assert [Path(each).name for each in said["written"]] == ["ca.pem", "server.pem", "server.key"]
    assert said["listener"]["certfile"] == said["written"][1]
