"""`amqtt check`: everything that is wrong with a configuration, and what it means where nothing is."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amqtt.errors import BrokerError, ConfigurationError, Mistake

if TYPE_CHECKING:
    from amqtt.cli.posture import Posture
    from amqtt.config import Config
    from amqtt.config_file.section import Findings, KeyPath

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
ConfigFile = Annotated[Path, typer.Argument(metavar="FILE", help="The configuration, YAML or TOML.")]


def check(file: ConfigFile, as_json: Json = False) -> None:
    """Say all that is wrong with a configuration; else what it is with its defaults, and what it means."""
    try:
        config = read(file)
    except ConfigurationError as error:
        _tell_mistakes(error, as_json)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(_report(config), indent=2, ensure_ascii=False))
    else:
        _tell(file, config)


def read(file: Path) -> "Config":
    """The configuration, and every file that it names read once; ConfigurationError with all mistakes.

    The files of what is itself wrong are not looked for.
    """
    # `amqtt pub` need not load what a Broker is made of.
    from amqtt.access.assembly import AUTHENTICATORS, TOPIC_CHECKS
    from amqtt.broker import Broker
    from amqtt.compat.plugins.loading import GROUP, registered
    from amqtt.config_file import reviewed, survey
    from amqtt.health import token_in
    from amqtt.net.tls import server_context

    plugins = registered(GROUP)
    known = (*AUTHENTICATORS, *plugins), (*TOPIC_CHECKS, *plugins)
    config, findings = survey(file, *known)
    names = () if findings.has_mistakes("listeners", "default") else config.listeners
    for name in [name for name in names if not findings.has_mistakes("listeners", name)]:
        listener = config.listeners[name]
        if listener.tls is not None:
            try:
                server_context(listener.tls, [])
            except (ValueError, OSError) as error:
                findings.mistake(("listeners", name), str(error))
        if listener.token_file is not None:
            _attempt(findings, token_in, Path(listener.token_file), ("listeners", name, "token-file"))
    for name in () if findings.has_mistakes("auth") else config.auth.asked:
        _attempt(findings, AUTHENTICATORS.get(name), config.auth)
    checks = config.topic_check.enabled and not findings.has_mistakes("topic-check")
    for name in config.topic_check.asked if checks else ():
        _attempt(findings, TOPIC_CHECKS.get(name), config.topic_check)
    findings.raise_mistakes()
    config = reviewed(config, findings.notices)
    if config.plugins:
        _attempt(findings, Broker, config)
    findings.raise_mistakes()
    return config


def all_that_is_wrong(file: Path | None, found: BrokerError) -> BrokerError:
    """What was `found` when this configuration was to be used, and everything else that `amqtt check` says.

    Whoever uses one ends at the first file that cannot be read, and looks at no file beside a mistake.
    """
    if file is None or not file.is_file():
        return found
    try:
        read(file)
    except ConfigurationError as error:
        is_among_them = any(each.text in str(found) for each in error.mistakes)
        if is_among_them or isinstance(found, ConfigurationError):
            return error
        return BrokerError(f"{error}\n{found}")
    except BrokerError:
        pass
    return found


def _attempt(
    findings: "Findings", make: Callable[[Any], object] | None, settings: object, path: "KeyPath" = ()
) -> None:
    """Make it, and keep what is said against that; `path` is where, if that does not say so itself."""
    if make is None:
        return
    try:
        make(settings)
    except ConfigurationError as error:
        for mistake in error.mistakes:
            if mistake.file:
                findings.mistakes.append(mistake)
            else:
                findings.mistake(tuple(mistake.path.split(".")), mistake.text)
    except ValueError as error:
        findings.mistake(path, str(error))
    except BrokerError as error:
        for line in str(error).splitlines():
            key, colon, text = line.partition(": ")
            if colon and key.startswith(("auth.", "topic-check.")):
                findings.mistake(tuple(key.split(".")), text)
            else:
                findings.mistakes.append(Mistake(line))


def _tell_mistakes(error: ConfigurationError, as_json: bool) -> None:
    if as_json:
        report = {"usable": False, "mistakes": [mistake._asdict() for mistake in error.mistakes]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    typer.echo(str(error))
    number = len(error.mistakes)
    typer.echo(f"amqtt: {number} mistake{'s' if number > 1 else ''}; a broker would not start", err=True)


def _report(config: "Config") -> dict[str, object]:
    from amqtt.cli.posture import posture
    from amqtt.config_file.effective import effective

    meaning = posture(config)
    return {
        "usable": True,
        "mistakes": [],
        "notices": _other_notices(config, meaning),
        "configuration": effective(config),
        "security": asdict(meaning),
    }


def _tell(file: Path, config: "Config") -> None:
    import yaml

    from amqtt.cli.posture import posture
    from amqtt.config_file.effective import effective

    meaning = posture(config)
    for notice in _other_notices(config, meaning):
        typer.echo(notice, err=True)
    typer.echo(f"# {file} can be used. With every default, it says:")
    typer.echo(yaml.safe_dump(effective(config), sort_keys=False, allow_unicode=True))
    typer.echo("# What that means")
    for name, sentence in meaning.listeners.items():
        typer.echo(f"# Listener {name}: {sentence}")
    typer.echo(f"# {meaning.who}")
    typer.echo(f"# {meaning.topics}")
    for concern in meaning.concerns:
        typer.echo("# WARNING: " + concern.replace("\n", "\n#     "))


def _other_notices(config: "Config", meaning: "Posture") -> list[str]:
    return [notice for notice in config.notices if notice not in meaning.concerns]
