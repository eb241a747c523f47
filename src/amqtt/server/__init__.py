"""Floor 5: the Server, sans-I/O: where Sessions meet."""
