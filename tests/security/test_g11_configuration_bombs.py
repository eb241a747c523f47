"""G11: a configuration file runs nothing, and one that unfolds into very much is refused at a line."""

from pathlib import Path

import pytest

from amqtt.config_file import load
from amqtt.config_file.document import LARGEST_FILE
from amqtt.errors import BrokerError

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
BOMBS = {
    "a call": "listeners: !!python/object/apply:os.system ['touch {0}']\n",
    "a new object": "auth: !!python/object/new:os.system ['touch {0}']\n",
    "a name": "auth: !!python/name:os.system\n",
    "a module": "auth: !!python/module:os\n",
    "an object": "x: !!python/object:os.DirEntry {{}}\n",
    "a tag of its own": "auth: !own {{a: b}}\n",
    "a thousand million laughs": LAUGHS.replace("{", "{{").replace("}", "}}"),
    "an anchor in itself": "a: &a [*a]\n",
    "very deep": "[" * 1000,
    "very deep sections": "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 900)),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_what_would_run_or_unfold_is_a_mistake_with_its_line(tmp_path: Path, content: str) -> None:
    file, witness = tmp_path / "amqtt.yaml", tmp_path / "witness"
    file.write_text(content.format(witness))
    with pytest.raises(BrokerError) as raised:
        load(file)
    assert str(raised.value).startswith(f"{file}:")
    assert not witness.exists()


@pytest.mark.parametrize("tag", ["python/module:amqtt_witness", "python/name:amqtt_witness.name"])
def test_nothing_is_imported_for_a_name_in_a_file(
    tmp_path: Path, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is imported runs."""
    witness = tmp_path / "witness"
    (tmp_path / "amqtt_witness.py").write_text(f"open({str(witness)!r}, 'w').close()\nname = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    for place in ("{}", "auth: {}", "auth: [{}]", "limits: {{maximum-qos: {}}}"):
        file = tmp_path / "amqtt.yaml"
        file.write_text(place.format(f"!!{tag} ''") + "\n")
        with pytest.raises(BrokerError) as raised:
            load(file)
        assert str(raised.value).startswith(f"{file}:1:")
    assert not witness.exists()


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "amqtt.yaml"
    file.write_text("# " + "x" * (10 * 1024 * 1024))
    with pytest.raises(BrokerError, match=f"larger than {LARGEST_FILE} bytes"):
        load(file)


def test_plugins_are_named_by_the_file_and_what_is_none_is_a_mistake(tmp_path: Path) -> None:
    from amqtt.broker import Broker

    witness = tmp_path / "witness"
    with pytest.raises(BrokerError):
        Broker({"plugins": {"os.system": {"command": f"touch {witness}"}}})
    assert not witness.exists()
