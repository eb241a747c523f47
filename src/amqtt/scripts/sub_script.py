"""`python -m amqtt.scripts.sub_script` is the command `amqtt_sub`."""

from amqtt.cli import amqtt_sub as main

__all__ = ["main"]

if __name__ == "__main__":
    main()
