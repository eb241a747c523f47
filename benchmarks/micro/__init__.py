"""How long single steps of the path of a PUBLISH take, without a network: `make bench-micro`."""
