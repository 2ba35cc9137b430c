"""nmm and the libraries it is compared with, behind one interface; each is imported when it is used."""

from __future__ import annotations

from importlib import import_module

from benchmarks.peers.interface import Answer, Peer, Unsupported

__all__ = ["PEERS", "Answer", "Peer", "Unsupported", "load"]

PEERS = {
    "nmm": "benchmarks.peers.own",
    "scikit-fem": "benchmarks.peers.scikit_fem",
}


def load(name: str) -> Peer:
    """The peer called `name`; importing it does not yet import its library."""
    return import_module(PEERS[name]).peer
