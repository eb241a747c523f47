"""A configuration file as plain data, with the line and column of every key."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from amqtt.config_file.section import DEEPEST, KeyPath, Mark
from amqtt.errors import ConfigurationError, Mistake

if TYPE_CHECKING:
    import yaml

LARGEST_FILE: Final = 1024 * 1024
"""Bytes."""
MOST_VALUES: Final = 100_000
"""Values of a file with every alias written out: ten lines of aliases can stand for thousands of millions."""

_MERGE: Final = "tag:yaml.org,2002:merge"
_PLAIN_MAPPING: Final = "tag:yaml.org,2002:map"
_PLAIN_SEQUENCE: Final = "tag:yaml.org,2002:seq"
_TOML_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class Document:
    """The content of a file, where its keys stand, and the keys that it says twice."""

    def __init__(self, content: object, marks: Mapping[KeyPath, Mark], repeated: list[KeyPath]) -> None:
        self.content = content
        self.marks = marks
        self.repeated = repeated


def read_document(path: Path) -> Document:
    """The document in a YAML file, or a TOML file if it is called `….toml`; ConfigurationError if none."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _refused(path, f"the configuration cannot be read: {error.strerror}") from error
    if len(data) > LARGEST_FILE:
        raise _refused(path, f"the file is larger than {LARGEST_FILE} bytes", 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(path, "the file is not UTF-8", line) from None
    try:
        return _toml(path, text) if path.suffix.lower() == ".toml" else _yaml(path, text)
    except RecursionError:
        raise _refused(path, "its sections are nested too deeply", 1) from None


def _refused(path: Path, text: str, line: int = 0, column: int = 1) -> ConfigurationError:
    return ConfigurationError([Mistake(text, "", str(path), line, column if line else 0)])


def _toml(path: Path, text: str) -> Document:
    import tomllib

    try:
        return Document(tomllib.loads(text), {}, [])
    except ValueError as error:
        place = _TOML_PLACE.search(str(error))
        line, column = (place[1] or "1", place[2] or "1") if place else ("1", "1")
        raise _refused(path, _TOML_PLACE.sub("", str(error)), int(line), int(column)) from None


def _yaml(path: Path, text: str) -> Document:
    import yaml

    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        builder = _Builder(loader)
        return Document(None if node is None else builder.build(node, ()), builder.marks, builder.repeated)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _refused(path, error.problem or error.context or "this is no YAML", line, column) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refused(path, f"the character #x{error.character:04x} is not allowed", line) from None
    finally:
        if loader is not None:
            loader.dispose()


class _Builder:
    """Makes plain data of YAML nodes: text as keys, the last of equal keys, bounded in size and depth."""

    def __init__(self, loader: "yaml.SafeLoader") -> None:
        self.marks: dict[KeyPath, Mark] = {}
        self.repeated: list[KeyPath] = []
        self._loader = loader
        self._values = 0
        self._section: yaml.Node | None = None

    def build(self, node: "yaml.Node", path: KeyPath) -> object:
        """The value of this node, which stands at this path."""
        import yaml

        self._values += 1
        if len(path) == 1:
            self._section = node
        if self._values > MOST_VALUES:
            problem = f"with its aliases written out it has more than {MOST_VALUES} values"
            raise _wrong(self._section or node, problem)
        if len(path) > DEEPEST:
            raise _wrong(node, "its sections are nested too deeply")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, path)
        return self._scalar(node)

    def _mapping(self, node: "yaml.MappingNode", path: KeyPath) -> dict[str, object]:
        if node.tag != _PLAIN_MAPPING:
            raise _wrong(node, f"the tag {node.tag} is not allowed")
        own: dict[str, object] = {}
        merged: dict[str, object] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged |= self._merged(value_node, path)
                continue
            key = self._key(key_node)
            here = (*path, key)
            if key in own:
                self.repeated.append(here)
            self.marks[here] = _mark(key_node)
            own[key] = self.build(value_node, here)
        return merged | own

    def _merged(self, node: "yaml.Node", path: KeyPath) -> dict[str, object]:
        """What `<<` brings in: of one section, or of several of which the first counts most."""
        value = self.build(node, (*path, "<<"))
        found: dict[str, object] = {}
        for section in value if isinstance(value, list) else [value]:
            if not isinstance(section, dict):
                raise _wrong(node, "<< takes a section or a list of sections")
            found = section | found
        return found

    def _key(self, node: "yaml.Node") -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode):
            raise _wrong(node, "a key must be text")
        # As it is written: a user who is called `on` or 007 is not called True or 7.
        return str(node.value)

    def _sequence(self, node: "yaml.SequenceNode", path: KeyPath) -> list[object]:
        if node.tag != _PLAIN_SEQUENCE:
            raise _wrong(node, f"the tag {node.tag} is not allowed")
        built = []
        for place, item in enumerate(node.value):
            here = (*path, f"[{place}]")
            self.marks[here] = _mark(item)
            built.append(self.build(item, here))
        return built

    def _scalar(self, node: "yaml.Node") -> object:
        try:
            return self._loader.construct_object(node)
        except ValueError:
            raise _wrong(node, f"this is no {node.tag.rpartition(':')[2]}") from None


def _mark(node: "yaml.Node") -> Mark:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _wrong(node: "yaml.Node", problem: str) -> "yaml.MarkedYAMLError":
    import yaml

    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
