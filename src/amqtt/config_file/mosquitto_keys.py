"""The keys of a mosquitto.conf: which of them have a counterpart here, and why others need none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Remark:
    """What was not carried over: where it stands, its key, and why. `harmless`: nobody misses it."""

    place: str
    key: str
    text: str
    harmless: bool

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.text) if part)


SECURITY: Final = frozenset({"allow_anonymous", "password_file", "acl_file"})
"""Who may come in and what they may do: of all Listeners, or of each with `per_listener_settings`."""
ITS_OWN_ANONYMOUS: Final = "listener_allow_anonymous"
"""`allow_anonymous` of one Listener in any case, since Mosquitto 2.1."""

LIMITS: Final[Mapping[str, tuple[tuple[str, ...], int | None, bool | None]]] = {
    "max_inflight_messages": (("maximum-inflight", "receive-maximum"), 65_535, True),
    "max_inflight_bytes": (("maximum-inflight-bytes",), None, True),
    "max_queued_messages": (("maximum-queued-messages",), None, True),
    "max_queued_bytes": (("maximum-queued-bytes",), None, True),
    "max_packet_size": (("maximum-packet-size",), None, True),
    "max_keepalive": (("maximum-keep-alive",), 0, True),
    "max_qos": (("maximum-qos",), 0, None),
    "maximum_qos": (("maximum-qos",), 0, None),
    "max_topic_alias": (("topic-alias-maximum",), 0, None),
    "global_max_connections": (("maximum-connections",), 0, None),
    "global_max_clients": (("maximum-sessions",), 0, None),
}
"""Our keys; what 0 means there (None: no bound, which we have not); whether 0 is special."""
PLUGINS: Final = ("plugin", "global_plugin", "plugin_load", "auth_plugin")
"""What loads a plugin, of one Listener, of all, or of those with `plugin_use`."""
FILE_PLUGINS: Final[Mapping[str, str]] = {
    "mosquitto_password_file": "password_file",
    "mosquitto_acl_file": "acl_file",
}
"""Plugins that only read a file, by their own name: since Mosquitto 2.1 they are to replace these keys."""
PLUGINS_WITHOUT_RULES: Final[Mapping[str, str]] = {
    "mosquitto_persist_sqlite": "what mosquitto.sqlite3 holds is not taken over: sessions begin anew",
    "mosquitto_sparkplug_aware": "Sparkplug certificates are not retained below $sparkplug here",
}
"""Plugins that rule neither who comes in nor the topics, and what is missed of them."""
UNBOUNDED: Final = "-1"
"""What says in some of them that there is no bound."""

_ACCESS: Final = ("auth", "topics")
_PROXIES: Final = "proxy-from names the networks of the proxies of a listener instead"

ELSEWHERE: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "plugin": (_ACCESS, "plugins of Mosquitto cannot be loaded here; nobody comes in by it"),
    "global_plugin": (_ACCESS, "plugins of Mosquitto cannot be loaded here; nobody comes in by it"),
    "plugin_load": (_ACCESS, "plugins of Mosquitto cannot be loaded here; nobody comes in by it"),
    "auth_plugin": (_ACCESS, "plugins of Mosquitto cannot be loaded here; nobody comes in by it"),
    "psk_file": (("auth",), "there is no TLS-PSK here; give the listener a certificate"),
    "psk_hint": (("auth",), "there is no TLS-PSK here; give the listener a certificate"),
    "use_identity_as_username": (("auth",), "a certificate is not a user name here; use auth.password-file"),
    "use_subject_as_username": (("auth",), "a certificate is not a user name here; use auth.password-file"),
    "clientid_prefixes": (("auth",), "Client Identifiers are not ruled by a prefix here; use passwords"),
    "mount_point": (("topics",), "topics of a listener have no prefix of their own here"),
    "use_username_as_clientid": ((), "a Client Identifier is its user's own once it is used"),
    "queue_qos0_messages": ((), "messages of QoS 0 are not kept for Clients that are away"),
    "upgrade_outgoing_qos": ((), "a message is delivered at the lower of both QoS, as the standard says"),
    "message_size_limit": ((), "limits.maximum-packet-size bounds the whole packet instead"),
    "memory_limit": ((), "there are bounds for queues and retained messages instead; see limits"),
    "http_dir": ((), "no files are served over HTTP"),
    "allow_zero_length_clientid": ((), "a Client may always leave it to the Server, as the standard says"),
    "auto_id_prefix": ((), "identifiers that the Server assigns begin with amqtt-"),
    "listener_auto_id_prefix": ((), "identifiers that the Server assigns begin with amqtt-"),
    "max_topic_alias_broker": ((), "limits.topic-alias-maximum is for both directions"),
    "enable_proxy_protocol": ((), _PROXIES),
    "proxy_protocol_v2_require_tls": ((), _PROXIES),
    "enable_control_api": ((), "there is no $CONTROL here; amqtt top and /metrics show what a broker does"),
    "disable_client_cert_date_checks": ((), "a certificate that is out of date is refused"),
    "ciphers_tls1.3": ((), "the ciphers of TLS 1.3 are OpenSSL's"),
    "tls_engine": ((), "OpenSSL engines are not used"),
    "tls_keyform": ((), "keys are PEM files"),
    "websockets_headers_size": ((), "the size of a WebSocket handshake is bounded"),
    "packet_buffer_size": ((), "the size of a WebSocket handshake is bounded"),
    "accept_protocol_versions": ((), "MQTT 3.1, 3.1.1 and 5.0 are served on every listener"),
}
"""What is missed: which doors stay closed for it, and what to say."""

_LOGS = "the log goes to standard error, where systemd and Docker expect it; see amqtt serve --help"
_SAVING = "there is nothing to tune here"

NEEDLESS: Final[Mapping[str, str]] = {
    "log_dest": _LOGS, "log_type": _LOGS, "log_timestamp": _LOGS, "log_timestamp_format": _LOGS,
    "log_facility": _LOGS, "connection_messages": _LOGS, "websockets_log_level": _LOGS,
    "autosave_interval": _SAVING, "autosave_on_changes": _SAVING,
    "persistence_file": "the file is called amqtt.db",
    "check_retain_source": "what a user may not publish any more is retained no longer, whoever he is",
    "retain_expiry_interval": "retained messages are forgotten when they expire, whoever subscribes",
    "pid_file": "systemd and Docker know the process; none is written",
    "user": "start it as the user it is to run as; see the systemd unit",
    "set_tcp_nodelay": "it is always on",
    "retry_interval": "messages are sent again when their Client comes back, as the standard has it",
    "allow_duplicate_messages": "overlapping subscriptions bring one message",
    "auth_plugin_deny_special_chars": "such names are always refused where they matter",
    "dhparamfile": "OpenSSL chooses the parameters",
}  # fmt: skip
"""What nobody misses, and why."""

_UNITS: Final[Mapping[str, int]] = {
    "h": 3600, "d": 86400, "w": 7 * 86400, "m": 30 * 86400, "y": 365 * 86400,
}  # fmt: skip


TRUE: Final = ("true", "1")
"""What is true in a mosquitto.conf, in small letters."""


def plugin_name(path: str) -> str:
    """The name of a plugin by its file, on Windows too."""
    return re.split(r"[\\/]", path)[-1].partition(".")[0]


def truth(text: str) -> bool:
    """What `true` and `false` of a mosquitto.conf are; ValueError for anything else."""
    if text.lower() not in (*TRUE, "false", "0"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in TRUE


def duration(text: str) -> int:
    """Seconds of a duration such as `14d`."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit() and len(number) <= 6):
        raise ValueError(f"{text!r} is not a number with one of h, d, w, m, y")
    return int(number) * _UNITS[unit]
