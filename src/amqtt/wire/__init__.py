"""Floor 0: MQTT Control Packets and their bytes, for MQTT 3.1, 3.1.1 and 5.0."""
