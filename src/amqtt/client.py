"""aMQTT's import path of its client, which there is none of yet."""

raise ImportError(
    "amqtt.client.MQTTClient is not in this version of amqtt: it has the broker, and the client comes with "
    "a later version. Until then use another MQTT client, such as aiomqtt, or keep programs that need "
    "amqtt.client on aMQTT 0.11"
)
