"""aMQTT's import paths of its commands: `python -m amqtt.scripts.broker_script` is `amqtt`."""
