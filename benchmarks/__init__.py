"""Load on brokers, verified message by message, and what it costs them."""
