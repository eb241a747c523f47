"""Topic Names and Topic Filters: the trees know what a look at every single one would find."""

from amqtt.message import Message
from amqtt.topics.names import covers, matches, topic_filter_fault, topic_name_fault
from amqtt.topics.retained import RetainedMessages
from amqtt.topics.subscriptions import Subscription, SubscriptionTree
from simulation.ledger import matches as obviously_matches
from support.subscribers import RecordingSubscriber

ALPHABET = "ab/+#$\n\n"
MOST_LINES = 40
MOST_LEVELS = 200
SUBSCRIBERS = 3


def examples() -> list[bytes]:
    """Lines as `lines` makes them of bytes."""
    texts = (
        "a/b\na/+\n#\na/#\n+/b\n$a/b\n+/+\na/b\na/+\n#\n",
        "/\n+\n/+\n+/\n//\n+/+\n/#\n",
        "a\n#\n$\n$/#\n+/a\n$/a\n",
        "a/b/a/b\na/b/+/b\na/b/a\na/b/a/b/#\na/+/+/+\na/b/a/b\n",
    )
    return [bytes(ALPHABET.index(letter) for letter in text) for text in texts]


def lines(data: bytes) -> list[str]:
    """What the bytes say, in few letters: what is short meets often."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in data).split("\n")[:MOST_LINES]


def check(data: bytes) -> None:
    """Each line is a Topic Filter to subscribe to or to leave, a Topic Name to publish to and to retain."""
    tree = SubscriptionTree()
    retained = RetainedMessages(1_000, 1_000_000)
    subscribers = [RecordingSubscriber(str(number)) for number in range(SUBSCRIBERS)]
    subscribed: set[tuple[int, str]] = set()
    kept: dict[str, bytes] = {}
    for number, line in enumerate(lines(data)):
        if not topic_filter_fault(line, MOST_LEVELS):
            key = number % SUBSCRIBERS, line
            if key in subscribed:
                subscribed.discard(key)
                assert tree.remove(subscribers[key[0]], line)
            else:
                subscribed.add(key)
                assert tree.add(subscribers[key[0]], Subscription(line, 1))
            check_cover(line, {topic_filter for _, topic_filter in subscribed}, kept)
            check_retained(retained, line, kept)
        if not topic_name_fault(line, MOST_LEVELS):
            payload = b"%d" % number if number % 4 else b""
            retained.keep(Message(line, payload, retain=True))
            kept[line] = payload
            found = sorted(str(target.subscriber) for target in tree.match(line))
            expected = {who for who, topic_filter in subscribed if obviously_matches(topic_filter, line)}
            assert found == sorted(f"<{who}>" for who in expected), line
    for who, topic_filter in subscribed:
        assert tree.remove(subscribers[who], topic_filter)
    assert len(tree) == 0


def check_retained(retained: RetainedMessages, topic_filter: str, kept: dict[str, bytes]) -> None:
    """Looking for retained messages finds what a look at each of them finds."""
    cursor = retained.match(topic_filter)
    found: list[str] = []
    while not cursor.done:
        found += [message.topic for message in cursor.take(3, 0.0)]
    stored = [topic for topic, payload in kept.items() if payload]
    assert sorted(found) == sorted(t for t in stored if obviously_matches(topic_filter, t)), topic_filter


def check_cover(narrow: str, wide: set[str], topics: dict[str, bytes]) -> None:
    """What a wider filter covers matches nothing that the wider one does not."""
    for topic in topics:
        assert matches(narrow, topic) is obviously_matches(narrow, topic), (narrow, topic)
    for each in wide:
        if covers(each, narrow):
            for topic in topics:
                assert matches(each, topic) or not matches(narrow, topic), (each, narrow, topic)
