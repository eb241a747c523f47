import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long something takes is no test's business, and least of all while others share the machine.
# Its examples are the same in each run, so that what fails is what was changed; `make torture` has others.
settings.register_profile(
    "timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None,
    derandomize="AMQTT_OTHER_EXAMPLES" not in os.environ,
)
settings.load_profile("timeless")


@pytest.fixture(autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of its own for whatever `amqtt` commands a test runs, not the user's."""
    home = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    return home
