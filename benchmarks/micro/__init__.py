"""How long single steps of the path of a PUBLISH take, without a network: `make bench-micro`."""

COUNT = 1000
"""Messages of one step that is timed, so that the measuring is small beside it."""
