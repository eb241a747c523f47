"""Floor 3: Session State of MQTT 5.0, section 4.1, and what a Session may see of the outside."""
