"""Floor 8: the command `amqtt`."""


def main() -> None:
    """Run the command with the arguments of the process."""
    # A program that only embeds a Broker never pays for the import of typer.
    from amqtt.cli.command import app

    app()
