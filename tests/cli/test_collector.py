"""The command lets the collector of cycles be; a Broker in somebody's program leaves it alone."""

import gc

from amqtt.broker import Broker
from amqtt.cli.collector import YOUNG, collect_seldom


def test_what_there_is_stays_and_what_comes_is_looked_at_seldom() -> None:
    collect_seldom()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == YOUNG
    assert gc.isenabled()


async def test_a_broker_leaves_the_collector_of_a_program_alone() -> None:
    before = gc.get_threshold()
    async with Broker({"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}}}):
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() == 0
