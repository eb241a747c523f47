"""Floor 6: Network Connections and the Listeners that accept them."""
