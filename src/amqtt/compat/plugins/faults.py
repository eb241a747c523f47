"""What is wrong with a plugin, as lines of the log that name it."""

import logging
import time

from amqtt.observe.pace import Pace

logger = logging.getLogger("amqtt.broker.plugins")


class Faults:
    """Those of one plugin. Of the same method not too many are told, or it would flood the log."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._pace = Pace()

    def tell(self, method: str, what: str, fault: BaseException | None = None) -> None:
        """Write that this method did so, with the traceback of what it raised."""
        if not self._pace.allows(method, self._plugin, time.monotonic()):
            return
        left_out = self._pace.left_out(method)
        more = f" (and {left_out} more lines like this that are left out)" if left_out else ""
        extra = {"event": "plugin_fault", "plugin": self._plugin, "method": method}
        logger.error("plugin %s: %s %s%s", self._plugin, method, what, more, exc_info=fault, extra=extra)
