"""D8: rules that are there and say nothing grant nothing; rules that are not there refuse to start."""

from pathlib import Path

import pytest

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from support.opener import Opener

LISTENERS = {"default": {"bind": "127.0.0.1:0"}, "test": {"bind": "127.0.0.1:0"}}
EMPTY = [{}, {"acl": {}}, {"acl": None}, {"acl": {"u": []}}, {"acl": {"u": None}}, {"acl": {"other": ["#"]}}]


def broker(check: dict[str, object]) -> Broker:
    return Broker(
        {
            "listeners": LISTENERS,
            "sys_interval": 0,
            "auth": {"allow-anonymous": True},
            "topic-check": {"enabled": True, "plugins": ["topic_acl"], "publish-acl": "same", **check},
        }
    )


@pytest.mark.parametrize("check", EMPTY, ids=str)
async def test_empty_lists_grant_nothing_on_any_listener(opener: Opener, check: dict[str, object]) -> None:
    async with broker(check) as running:
        for number in range(2):
            client = await opener(running)
            await client.connect(f"c{number}", username="u")
            for topic_filter in ("a", "#", "$SYS/#", "$share/g/a"):
                assert (await client.subscribe(topic_filter)).reason_codes == [0x87]
            client.publish("a", b"x", 1)
            assert [packet.reason_code for packet in await client.sync()] == [0x87]  # type: ignore[union-attr]


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing\n", "user u\n"])
async def test_an_empty_acl_file_grants_nothing(opener: Opener, tmp_path: Path, content: str) -> None:
    (tmp_path / "acl").write_text(content)
    check = {"enabled": True, "plugins": ["topic_acl_file"], "acl-file": str(tmp_path / "acl")}
    at = Broker({"listeners": LISTENERS, "sys_interval": 0, "topic-check": check})
    async with at:
        client = await opener(at)
        await client.connect("c", username="u")
        for topic_filter in ("a", "#"):
            codes = (await client.subscribe(topic_filter)).reason_codes
            client.publish("a", b"x", 1)
            answers = await client.sync()
            assert codes == [0x87] or not [a for a in answers if type(a).__name__ == "Publish"]
            assert answers[-1].reason_code == 0x87  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "sections",
    [
        {"topic-check": {"enabled": True, "plugins": ["topic_acl_file"], "acl-file": "/nonexistent/acl"}},
        {"auth": {"password-file": "/nonexistent/passwd", "allow-anonymous": False}},
        {"auth": {"scram-file": "/nonexistent/scram"}},
    ],
)
async def test_a_file_that_is_missing_refuses_to_start_and_leaves_nothing_open(
    sections: dict[str, object]
) -> None:
    with pytest.raises(BrokerError, match="/nonexistent/"):
        await Broker({"listeners": LISTENERS, **sections}).start()


def test_an_empty_auth_section_admits_nobody_and_no_section_everybody() -> None:
    for section, admitted in (({}, False), ({"plugins": []}, False)):
        assert Broker({"listeners": LISTENERS, "auth": section}).config.auth.asked == () or admitted
