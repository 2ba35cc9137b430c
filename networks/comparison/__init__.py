"""The classical method and networks on one problem, and an honest answer: `nmm compare`."""
