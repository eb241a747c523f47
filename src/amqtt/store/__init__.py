"""Floor 6: what outlasts the process. An adapter is a fold over Batches of the Journal."""
