"""What a configuration means for security, in plain words."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from amqtt.config import Config, concerns, is_local
from amqtt.net.certificates import concerns_of
from amqtt.net.settings import ListenerSettings


@dataclass(frozen=True, slots=True)
class Posture:
    """Sentences: each Listener by its name, who may come in, what they may do, what is of concern."""

    listeners: Mapping[str, str]
    who: str
    topics: str
    concerns: tuple[str, ...]


def posture(config: Config) -> Posture:
    """What this configuration means."""
    return Posture(
        {name: _listener(listener) for name, listener in config.listeners.items()},
        config.who_may_connect + ".",
        _topics(config),
        (*concerns(config), *_certificates(config)),
    )


def _certificates(config: Config) -> Iterator[str]:
    """What is of concern about them, as a broker would warn of it."""
    for name, listener in config.listeners.items():
        for concern in () if listener.tls is None else concerns_of(listener.tls, time.time()):
            yield f"listeners.{name}: {concern}"


def _listener(listener: ListenerSettings) -> str:
    if listener.type == "unix":
        return f"{listener.path}: programs of this machine that may write to it (mode {listener.mode:04o})."
    if listener.type == "external":
        return "the program hands in its Network Connections, and sees to their encryption."
    if listener.type == "http" and not is_local(listener) and listener.token_file is None:
        return "other machines may ask for health over HTTP, and are refused metrics without a token-file."
    who = "programs of this machine reach it" if is_local(listener) else "other machines reach it"
    if listener.tls is None:
        seen = "" if is_local(listener) else "; what is sent, passwords too, can be read on the way"
        return f"{who}, unencrypted{seen}."
    asked = ""
    if listener.tls.require_certificate:
        asked = "; a certificate of the Client is required"
    elif listener.tls.cafile or listener.tls.capath or listener.tls.cadata:
        asked = "; a certificate of the Client is verified if it has one"
    return f"{who}, encrypted with TLS {listener.tls.minimum_version} or newer{asked}."


def _topics(config: Config) -> str:
    check = config.topic_check
    if not check.enabled:
        rest = ", beside what plugins decide" if config.has_deciding_plugins else ""
        return f"Who is in may publish to every topic but $…, and subscribe to everything{rest}."
    if not check.asked:
        return "Nobody may publish or subscribe."
    return f"Topics are granted by {', '.join(check.asked)}; what is not granted is refused."
