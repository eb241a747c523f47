"""The section `trace`: whose Control Packets are written to which file."""

from collections.abc import Sequence
from ipaddress import ip_network

from amqtt.config_file import values
from amqtt.config_file.section import Findings, KeyPath, Section, items
from amqtt.observe.settings import TraceSettings
from amqtt.topics.names import topic_filter_fault

_ANY_NUMBER = 65_535


def read_traces(findings: Findings, path: KeyPath, content: object) -> Sequence[TraceSettings]:
    """Each item of the list is one trace; one that says nothing but its file traces everything."""
    if content is None:
        return ()
    found = []
    for place, item in items(findings, path, content):
        section = Section(findings, place, item)
        file = section.take("file", values.path, None)
        settings = {
            "client": section.take("client", values.text, None),
            "topic": section.take("topic", _topic_filter, None),
            "address": section.take("address", _network, None),
        }
        section.refuse_unknown()
        if file is None:
            findings.mistake(place, "a trace needs a file")
        else:
            found.append(TraceSettings(file, **settings))
    return tuple(found)


def _topic_filter(value: object) -> str:
    text = values.text(value)
    if fault := topic_filter_fault(text, _ANY_NUMBER):
        raise ValueError(fault)
    return text


def _network(value: object) -> str:
    text = values.text(value)
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise ValueError("it must be an IP address, or a network such as 10.1.0.0/16") from None
    return text
