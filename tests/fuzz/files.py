"""Files that people write: whatever stands in them, what is wrong is said, with its line, and no secret."""

import atexit
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from amqtt.access.credential_file import CredentialFile
from amqtt.access.hashes import read_hash
from amqtt.access.mosquitto_acl import MosquittoAcl, overlap
from amqtt.access.password_lines import PasswordLines
from amqtt.access.scram import read_credential
from amqtt.config import Config
from amqtt.config_file import load
from amqtt.errors import BrokerError
from amqtt.topics.names import matches, topic_filter_fault

SECRET_LENGTH = 16
"""What is as long as this, and stands behind a colon, must not be repeated in a message."""
TOPICS = ("a", "b", "a/b", "a/b/c", "$SYS/a", "u/alice", "a//b", "/")
FILTERS = (*TOPICS, "#", "+", "a/#", "a/+", "+/b", "$SYS/#")


@cache
def folder() -> Path:
    """A folder of this process; its one file is written anew for each look."""
    made = Path(mkdtemp(prefix="amqtt-fuzz-"))
    atexit.register(rmtree, made, ignore_errors=True)
    return made


def written(name: str, data: bytes) -> Path:
    """A private file with these bytes."""
    path = folder() / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def complaint(read: Callable[[], object]) -> str:
    """What is said to be wrong, "" when nothing is."""
    try:
        read()
    except BrokerError as error:
        return str(error) or "an error without a word"
    return ""


def check_yaml(data: bytes) -> None:
    """A configuration in YAML."""
    check_configuration(written("amqtt.yaml", data))


def check_toml(data: bytes) -> None:
    """A configuration in TOML."""
    check_configuration(written("amqtt.toml", data))


def check_configuration(path: Path) -> None:
    """It is a Config, or a BrokerError whose every line names the file; and it says the same twice."""
    found: list[Config] = []
    said = complaint(lambda: found.append(load(path)))
    assert said == complaint(lambda: load(path))
    if said and not said.endswith("(security: hardened)"):
        assert str(path) in said, said
    for config in found:
        assert complaint(partial(load, config)) == "", "a Config that was read is refused"


def check_passwords(data: bytes) -> None:
    """A password file: the Broker refuses it if and only if `amqtt passwd` finds a mistake in it."""
    path = written("passwd", data)
    users: dict[str, object] = {}
    said = complaint(lambda: users.update(CredentialFile(path, "auth.password-file", read_hash).users))
    lines = PasswordLines(path)
    assert bool(said) is bool(lines.mistakes())
    check_that_no_secret_is_told(data, said)
    for user in users:
        assert lines.hash_of(user) is not None
    check_change(data)


def check_change(data: bytes) -> None:
    """Whoever puts a line there, and takes it away, leaves all others as they stand."""
    path = written("passwd", data)
    lines = PasswordLines(path)
    if lines.hash_of("somebody new") is not None:
        return
    lines.put("somebody new", "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B")
    lines.write()
    assert PasswordLines(path).hash_of("somebody new") is not None
    assert PasswordLines(path).remove("somebody new")
    lines.remove("somebody new")
    lines.write()
    left = path.read_bytes()
    assert left in (data, data + b"\n"), (left, data)


def check_scram(data: bytes) -> None:
    """A file of SCRAM credentials."""
    path = written("scram", data)
    said = complaint(lambda: CredentialFile(path, "auth.scram-file", read_credential))
    check_that_no_secret_is_told(data, said)


def check_that_no_secret_is_told(data: bytes, said: str) -> None:
    """What stands behind a colon is in no message."""
    for line in data.split(b"\n"):
        secret = line.partition(b":")[2].strip().decode(errors="replace")
        assert len(secret) < SECRET_LENGTH or secret not in said


def check_acl(data: bytes) -> None:
    """Rules as Mosquitto has them: what they say to a Topic Filter is no narrower than to what it matches."""
    path = written("acl", data)
    found: list[MosquittoAcl] = []
    said = complaint(lambda: found.append(MosquittoAcl.from_file(path)))
    for line in said.splitlines():
        assert str(path) in line, line
    for acl in found:
        for user in (None, "alice"):
            rules = acl.rules(user)
            for topic_filter in FILTERS:
                if not rules.subscribe(topic_filter):
                    assert not any(rules.receive(topic) for topic in TOPICS if matches(topic_filter, topic))
            for topic in TOPICS:
                rules.publish(topic)
    check_overlap(data)


def check_overlap(data: bytes) -> None:
    """Filters that match one topic overlap."""
    filters = [each for each in data.decode(errors="ignore").split()[:6] if not topic_filter_fault(each, 200)]
    for one in filters:
        for other in FILTERS:
            if any(matches(one, topic) and matches(other, topic) for topic in TOPICS):
                assert overlap(one, other)
