"""What can be fuzzed: each target is a function of bytes that raises when something is not as it must be."""

from collections.abc import Callable
from pathlib import Path

from fuzz import conversation, files, network, packets, proxy, rows, topics

CORPUS = Path(__file__).parent / "corpus"


class Target:
    """A name, a check of any bytes, and bytes to begin with: `examples` are made, the corpus was found.

    `is_slow` says that each look costs a millisecond or more.
    """

    def __init__(
        self, name: str, check: Callable[[bytes], None],
        examples: Callable[[], list[bytes]] = list, is_slow: bool = False,
    ) -> None:
        self.name = name
        self.check = check
        self.is_slow = is_slow
        self._examples = examples

    @property
    def corpus(self) -> Path:
        """Where its corpus is."""
        return CORPUS / self.name

    def beginnings(self) -> list[bytes]:
        """All that there is to begin with."""
        return [*self._examples(), *(path.read_bytes() for path in sorted(self.corpus.glob("*")))]


TARGETS = {
    target.name: target
    for target in (
        Target("packets", packets.check, packets.examples),
        Target("conversation", conversation.check, conversation.examples),
        Target("topics", topics.check, topics.examples),
        Target("proxy", proxy.check, proxy.examples),
        Target("rows", rows.check, rows.examples),
        Target("yaml", files.check_yaml, is_slow=True),
        Target("toml", files.check_toml, is_slow=True),
        Target("passwords", files.check_passwords, is_slow=True),
        Target("scram", files.check_scram, is_slow=True),
        Target("acl", files.check_acl),
        Target("websocket", network.check_websocket, network.websocket_examples, is_slow=True),
        Target("tcp", network.check_tcp, network.tcp_examples, is_slow=True),
    )
}
