"""`python -m amqtt.scripts.broker_script` is the command `amqtt`."""

from amqtt.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
