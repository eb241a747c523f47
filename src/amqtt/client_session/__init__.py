"""Floor 5, beside the Server: what an MQTT Client does, without input, output, clock or thread."""
