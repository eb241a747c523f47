"""What the operating system knows of this process, for `$SYS/broker/…`."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from amqtt.observe.metrics import COUNTER, GAUGE, Metric, single

if sys.platform != "win32":
    import resource


def metrics_of_process() -> Iterator[Metric]:
    """The process under the names that every Prometheus client has for it."""
    yield single("process_cpu_seconds_total", COUNTER, "Processor time.", time.process_time())
    memory, _ = _memory()
    if memory:
        yield single("process_resident_memory_bytes", GAUGE, "Memory in use.", memory)
    with suppress(OSError):
        yield single("process_open_fds", GAUGE, "Open file descriptors.", len(os.listdir("/proc/self/fd")))
    if sys.platform != "win32":
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield single("process_max_fds", GAUGE, "As many may be open.", most)


class ProcessFigures:
    """Memory in bytes and processor time in percent of one core, since the last time it was asked."""

    def __init__(self) -> None:
        self._last_cpu = time.process_time()
        self._last_moment = time.monotonic()
        self._most_cpu = 0.0
        self._most_memory = 0

    def read(self) -> Mapping[str, object]:
        """The figures by the name that they have below `$SYS/broker/`."""
        cpu, moment = time.process_time(), time.monotonic()
        percent = 100 * (cpu - self._last_cpu) / max(moment - self._last_moment, 1e-3)
        self._last_cpu, self._last_moment = cpu, moment
        self._most_cpu = max(self._most_cpu, percent)
        figures: dict[str, object] = {
            "time": int(time.time()), "cpu/percent": f"{percent:.1f}", "cpu/maximum": f"{self._most_cpu:.1f}",
        }
        current, most = _memory()
        self._most_memory = max(self._most_memory, current, most)
        if most:
            figures |= {
                "heap/current": current, "heap/current size": current, "heap/size": current,
                "heap/maximum": self._most_memory, "heap/maximum size": self._most_memory,
            }
        return figures


def memory_limit() -> int:
    """Bytes that this process may use: what its control group allows, or the machine has; 0: not known."""
    found = [_memory_of_machine(), *(_number_in(name) for name in _LIMITS_OF_GROUPS)]
    return min((limit for limit in found if limit > 0), default=0)


_LIMITS_OF_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def _number_in(name: str) -> int:
    try:
        with open(name, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def _memory_of_machine() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


def memory_used() -> int:
    """How many bytes this process has in memory; 0: not known."""
    return _memory()[0]


def _memory() -> tuple[int, int]:
    """(resident now, most ever) in bytes; zeros where the system does not tell."""
    if sys.platform == "win32":
        return 0, 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sys.platform != "darwin":
        most *= 1024
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize(), most
    except OSError:
        return most, most
