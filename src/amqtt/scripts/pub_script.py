"""`python -m amqtt.scripts.pub_script` is the command `amqtt_pub`."""

from amqtt.cli import amqtt_pub as main

__all__ = ["main"]

if __name__ == "__main__":
    main()
