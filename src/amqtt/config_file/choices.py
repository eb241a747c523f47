"""Other people's plugins in a configuration: dotted paths, classes, and plugins themselves."""

from collections.abc import Collection, Mapping

from amqtt.config import PluginChoice
from amqtt.config_file.section import Findings, KeyPath

_LIKELY = 0.8
_PLAIN = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, type(None))


def is_plugin(target: object, names: Collection[str]) -> bool:
    """Whether it is a dotted path, a class or a plugin itself; names are those with a dot that are none."""
    if not isinstance(target, str):
        return not isinstance(target, _PLAIN)
    module, dot, attribute = target.rpartition(".")
    if not (module and dot and attribute) or target in names:
        return False
    from difflib import get_close_matches

    # "auth.anonymus" is a name with a mistake in it, "auth.MyPlugin" the path of a class.
    return not (attribute.islower() and get_close_matches(target, list(names), n=1, cutoff=_LIKELY))


class Choices:
    """The plugins that a configuration chooses, each once, in the order in which it names them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._chosen: dict[str, PluginChoice] = {}

    @property
    def chosen(self) -> tuple[PluginChoice, ...]:
        """All of them."""
        return tuple(self._chosen.values())

    def choose(self, path: KeyPath, target: object, options: Mapping[str, object] | None = None) -> str:
        """Choose the plugin that stands at this path; the name by which it is asked."""
        choice = PluginChoice(target, options or {})
        other = self._chosen.get(choice.name)
        if other is None or (_is_same(other.target, target) and not other.options):
            self._chosen[choice.name] = choice
        elif not _is_same(other.target, target) or options:
            self._findings.mistake(path, f"{choice.name} is there already")
        return choice.name


def _is_same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str) and one == other)
