"""`amqtt acl test`: what a user may do by the topic rules of a configuration, and which rule says so."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amqtt.cli.check import Json, read
from amqtt.errors import BrokerError
from amqtt.topics.names import split_shared, topic_filter_fault, topic_name_fault

if TYPE_CHECKING:
    from amqtt.config import Config

app = typer.Typer(
    help="Try the topic rules of a configuration.", no_args_is_help=True, rich_markup_mode=None
)

REFUSED = 3
"""The exit status when something is refused: neither a success nor a mistake."""

Topics = list[str] | None


@app.callback()
def _of_rules() -> None:
    """Try the topic rules of a configuration."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a user may do something with a topic, and why."""

    action: str
    topic: str
    granted: bool
    reasons: tuple[str, ...]


@app.command("test")
def try_rules(
    config: Annotated[Path, typer.Option("-c", "--config", metavar="FILE", help="The configuration.")],
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="The user name; without it, nobody's.")
    ] = None,
    client_id: Annotated[
        str, typer.Option("--client-id", metavar="ID", help="The Client Identifier, for patterns.")
    ] = "",
    sub: Annotated[Topics, typer.Option("--sub", metavar="FILTER", help="May it subscribe to this?")] = None,
    pub: Annotated[Topics, typer.Option("--pub", metavar="TOPIC", help="May it publish to this?")] = None,
    receive: Annotated[
        Topics, typer.Option("--receive", metavar="TOPIC", help="May this be delivered to it?")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say of each topic whether the user may use it, and which rule decides.

    Exit status 3: not all of them are granted.
    """
    asked = [("subscribe", each) for each in sub or ()]
    asked += [("publish", each) for each in pub or ()]
    asked += [("receive", each) for each in receive or ()]
    if not asked:
        raise typer.BadParameter("name a topic with --sub, --pub or --receive")
    for action, topic in asked:
        fault = (topic_filter_fault if action == "subscribe" else topic_name_fault)(topic, 65_535)
        if fault:
            raise typer.BadParameter(f"{topic}: {fault}")
    try:
        verdicts = decide(read(config), user, client_id, asked)
    except BrokerError as error:
        typer.echo(f"amqtt: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps([asdict(verdict) for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        for verdict in verdicts:
            typer.echo(f"{verdict.action} {verdict.topic}: {'granted' if verdict.granted else 'refused'}")
            for reason in verdict.reasons:
                typer.echo(f"    {reason}")
    if not all(verdict.granted for verdict in verdicts):
        raise typer.Exit(REFUSED)


def decide(config: "Config", user: str | None, client_id: str, asked: list[tuple[str, str]]) -> list[Verdict]:
    """What the topic rules of the configuration say of these actions and topics."""
    return [_verdict(config, user, client_id, action, topic) for action, topic in asked]


def _verdict(config: "Config", user: str | None, client_id: str, action: str, topic: str) -> Verdict:
    from amqtt.abc import ConnectRequest, Peer
    from amqtt.access.assembly import TOPIC_CHECKS
    from amqtt.access.policy import CheckedPermissions
    from amqtt.sessions.permissions import CONNECTIONS

    own_state = f"{CONNECTIONS}{client_id}/state"
    if action == "publish" and topic.startswith("$") and not (client_id and topic == own_state):
        return Verdict(action, topic, False, ("no Client publishes to $…",))
    if not config.topic_check.enabled:
        return Verdict(action, topic, True, ("there is no topic-check: everything is granted",))
    names = config.topic_check.asked
    request = ConnectRequest(client_id, user, None, Peer())
    rules = {
        name: TOPIC_CHECKS[name](config.topic_check).rules_for(user, request)
        for name in names if name in TOPIC_CHECKS
    }
    permissions = CheckedPermissions(user, list(rules.values()), client_id)
    real = split_shared(topic)[1]
    if action == "publish":
        granted = permissions.may_publish(real, False)
    elif action == "subscribe":
        granted = permissions.may_subscribe(real, 2) >= 0
    else:
        granted = permissions.may_receive(real)
    reasons = [f"{name}: {why}" for name, rule in rules.items() if (why := rule.why(action, real))]
    unasked = "a plugin, which is asked only while the broker runs"
    reasons += [f"{name}: {unasked}" for name in names if name not in rules]
    return Verdict(action, topic, granted, tuple(reasons))
