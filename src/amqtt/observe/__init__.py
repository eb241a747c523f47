"""Floor 6: what an operator sees."""
