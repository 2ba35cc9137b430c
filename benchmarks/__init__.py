"""One problem set, solved by nmm and by its peers: `python -m benchmarks [NAME] [--quick]`."""
