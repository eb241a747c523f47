"""aMQTT's import paths of plugins and of what they inherit from."""
