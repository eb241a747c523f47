"""Commands that run within the process of the tests leave its log and its collector as they found them."""

import gc
import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in ("", "amqtt", "asyncio")}
    thresholds = gc.get_threshold()
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    gc.unfreeze()
    gc.set_threshold(*thresholds)
