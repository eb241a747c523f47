"""aMQTT's import path of what stands beside a Session in `broker.sessions`."""
