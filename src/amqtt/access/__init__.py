"""Floor 6: who may come in, and what they may do."""
