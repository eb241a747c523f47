"""Floor 8: the command `amqtt`."""


def main() -> None:
    """Run the command with the arguments of the process."""
    # A program that only embeds a Broker never pays for the import of typer.
    from amqtt.cli.command import app

    app()


def amqtt_pub() -> None:
    """Run aMQTT's `amqtt_pub` with the arguments of the process."""
    _run_alone("publish")


def amqtt_sub() -> None:
    """Run aMQTT's `amqtt_sub` with the arguments of the process."""
    _run_alone("subscribe")


def _run_alone(name: str) -> None:
    import typer

    from amqtt.cli import amqtt_clients

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    settings = {"help_option_names": ["--help", "-h"]}
    app.command(context_settings=settings)(getattr(amqtt_clients, name))
    app()
