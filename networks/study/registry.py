"""The experiments by name; each is imported when it runs."""

from importlib import import_module

from networks.study.experiment import Experiment
from nmm.errors import InputError

HOMES = {
    "bridge": "networks.study.bridge",
    "cells": "networks.study.cells",
    "constructed": "networks.study.constructed",
    "typical": "networks.study.typical",
    "learned": "networks.study.learned",
    "freedom": "networks.study.freedom",
    "duality": "networks.study.duality",
    "negative-time": "networks.study.negative_time",
    "boundaries": "networks.study.boundaries",
    "boundary-strength": "networks.study.boundary_strength",
    "bottleneck": "networks.study.bottleneck",
    "stack-error": "networks.study.stack_error",
    "triangle": "networks.study.triangle",
    "symmetry": "networks.study.symmetry",
    "completion": "networks.study.completion",
    "moving-covers": "networks.study.moving_covers",
    "edge-of-stability": "networks.study.edge",
    "plasticity": "networks.study.plasticity",
    "contest": "networks.study.contest",
}
"""Name of the experiment: its module, which calls it EXPERIMENT."""


def experiment(name: str) -> Experiment:
    """The experiment called `name`.

    **Raises:** `InputError` for a name that nobody knows.
    """
    if name not in HOMES:
        raise InputError(f"no experiment is called {name!r}; known: {', '.join(HOMES)}")
    return import_module(HOMES[name]).EXPERIMENT
