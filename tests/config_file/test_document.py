"""Configuration files: YAML and TOML as data with places, and files that are meant to do harm."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.config_file import document as subject
from amqtt.config_file import load
from amqtt.config_file.document import read_document
from amqtt.errors import BrokerError

Write = Callable[..., Path]


def fails(path: Path, text: str) -> None:
    """Loading fails with this place and text, and nothing else."""
    with pytest.raises(BrokerError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{text}")
    assert "\n" not in str(caught.value)


def test_every_key_has_its_place(write: Write) -> None:
    document = read_document(write("a: 1\nb:\n  c: [x, {d: y}]\n"))
    assert document.content == {"a": 1, "b": {"c": ["x", {"d": "y"}]}}
    assert document.marks == {
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", "c"): (3, 3),
        ("b", "c", "[0]"): (3, 7),
        ("b", "c", "[1]"): (3, 10),
        ("b", "c", "[1]", "d"): (3, 11),
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff"])
def test_an_empty_file_is_our_defaults(write: Write, text: str) -> None:
    assert load(write(text)) == load()


def test_keys_are_text_as_they_are_written(write: Write) -> None:
    text = "topic-check: {enabled: on, acl: {on: [a], 007: [b], ~: [c], 1.0: [d]}}"
    assert set(load(write(text)).topic_check.acl or ()) == {"on", "007", "~", "1.0"}


def test_of_equal_keys_the_last_counts_and_it_is_told(write: Write) -> None:
    path = write("listeners: {a: {bind: 1, bind: 2}}\n")
    config = load(path)
    assert config.listeners["a"].bind == 2
    assert (
        config.notices[0] == f"{path}:1:26: listeners.a.bind: it is there more than once; the last one counts"
    )


MERGED = [
    ("x: &x {a: 1, b: 1}\ny: {<<: *x, b: 2}", {"a": 1, "b": 2}),
    ("x: &x {a: 1, b: 1}\ny: {b: 2, <<: *x}", {"a": 1, "b": 2}),
    ("x: &x {a: 1}\nz: &z {a: 2, c: 3}\ny: {<<: [*x, *z]}", {"a": 1, "c": 3}),
    ("x: &x {a: 1}\ny: *x", {"a": 1}),
    ("x: &x {a: 1}\nz: &z {a: 2}\ny: {<<: *x, <<: *z}", {"a": 2}),
]


@pytest.mark.parametrize(("text", "merged"), MERGED)
def test_what_is_merged_in_gives_way_to_what_is_said(write: Write, text: str, merged: dict[str, int]) -> None:
    content = read_document(write(text)).content
    assert isinstance(content, dict)
    assert content["y"] == merged


ALIASES = "\n".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "\n".join(
    f"{name}: &{name} {{x{name}: 1, <<: [{', '.join(['*' + before] * 10)}]}}"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
HARMFUL = [
    (
        "a: !!python/object/apply:os.system ['touch owned']",
        "1:4: the tag tag:yaml.org,2002:python/object/apply",
    ),
    ("a: !!python/object:os.stat_result {x: 1}", "1:4: the tag tag:yaml.org,2002:python/object"),
    ("a: !!python/name:os.system", "1:4: could not determine a constructor for the tag"),
    ("a:\n  - !mine x", "2:5: could not determine a constructor for the tag '!mine'"),
    ("a: !!set {x, y}", "1:4: the tag tag:yaml.org,2002:set is not allowed"),
    ("a: &a [x]\n" + ALIASES, "6:4: with its aliases written out it has more than 100000 values"),
    ("a: &a {x: 1}\n" + MERGES, "6:4: with its aliases written out it has more than 100000 values"),
    ("a: &a [*a]", "1:4: its sections are nested too deeply"),
    ("a: &a {b: *a}", "1:4: its sections are nested too deeply"),
    ("a: " + "[" * 40 + "]" * 40, "1:36: its sections are nested too deeply"),
    ("[" * 100_000, "1:1: its sections are nested too deeply"),
    ("a: 1\n  b: 2", "2:4: mapping values are not allowed here"),
    ("a: [1", "1:6: expected ',' or ']'"),
    ("a: *nobody", "1:4: found undefined alias 'nobody'"),
    ("a: 1\n---\nb: 2", "2:1: but found another document"),
    ("a: 2025-99-99", "1:4: this is no timestamp"),
    ("? [a]\n: 1", "1:3: a key must be text"),
    ("a: {<<: 1}", "1:9: << takes a section or a list of sections"),
    ("a: {<<: [1]}", "1:9: << takes a section or a list of sections"),
    ("a: x\nb: \x07", "2:1: the character #x0007 is not allowed"),
    (b"a: 1\nb: \xff\n", "2:1: the file is not UTF-8"),
    ("- a", " it must be a section of keys and values, not a list"),
    ("just text", " it must be a section of keys and values, not text"),
]


@pytest.mark.parametrize(("text", "mistake"), HARMFUL, ids=range(len(HARMFUL)))
def test_a_file_that_cannot_be_used_says_where(write: Write, text: str | bytes, mistake: str) -> None:
    path = write(text)
    fails(path, mistake)
    assert not path.with_name("owned").exists()


def test_a_huge_file_is_refused_before_it_is_read(write: Write) -> None:
    fails(write(b"a: 1\n" * 2_000_000), "1:1: the file is larger than 1048576 bytes")


@pytest.mark.parametrize("name", ["none.yaml", "none.toml"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BrokerError, match=rf"{name}: the configuration cannot be read: No such file"):
        load(tmp_path / name)


def test_a_file_that_cannot_be_read_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    path = write("")
    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(BrokerError, match="cannot be read: Too many open files"):
        load(str(path))


TOML = """\
sys-interval = 10
[listeners.default]
max-connections = 5
[listeners.a]
bind = "127.0.0.1:1883"
[auth]
allow-anonymous = false
password-file = "p"
[topic-check]
enabled = true
acl.u = ["a/+"]
"""


def test_toml_says_the_same_as_yaml(write: Write) -> None:
    config = load(write(TOML, "amqtt.toml"))
    assert config.listeners["a"].max_connections == 5
    assert config.auth.password_file == Path("p")
    assert config.topic_check.acl == {"u": ("a/+",)}


BAD_TOML = [
    ("a = 1\nb = x", "2:5: Invalid value"),
    ("a = [1", "1:1: Unclosed array"),
    ("a = " + "[" * 100_000, "1:1: its sections are nested too deeply"),
]


@pytest.mark.parametrize(("text", "mistake"), BAD_TOML, ids=range(len(BAD_TOML)))
def test_a_toml_file_that_cannot_be_used_says_where(write: Write, text: str, mistake: str) -> None:
    fails(write(text, "amqtt.TOML"), mistake)


def test_in_toml_a_mistake_has_the_file_and_its_path(write: Write) -> None:
    path = write("max-qos = 7", "amqtt.toml")
    with pytest.raises(BrokerError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: max-qos: it must be from 0 to 2, not 7"


@given(st.binary(max_size=100) | st.text("a1:-{}[]&*<!|>#\n '\"?,", max_size=60).map(str.encode))
def test_any_file_is_a_config_or_a_broker_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    for name in ("fuzzed.yaml", "fuzzed.toml"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(content)
        try:
            load(path)
        except BrokerError:
            continue


def test_the_bounds_are_what_the_documents_say() -> None:
    assert (subject.LARGEST_FILE, subject.MOST_VALUES, subject.DEEPEST) == (1 << 20, 100_000, 32)
