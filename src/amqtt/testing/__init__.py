"""For tests of what is built on amqtt: contracts that adapters have to keep."""
