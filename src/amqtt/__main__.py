"""`python -m amqtt` is the command `amqtt`."""

from amqtt.cli import main

if __name__ == "__main__":
    main()
