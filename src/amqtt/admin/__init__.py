"""Floor 6: what an operator asks over HTTP."""
