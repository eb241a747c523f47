"""Floor 8: what aMQTT's users have, translated into ours; nothing below knows that it exists."""
