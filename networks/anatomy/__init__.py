"""The anatomy of a network: one measurement a file, as pure functions."""
