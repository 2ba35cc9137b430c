"""Experiments E7 to E14: planted data are judged inconsistent, and what is measured is drawn."""

import numpy as np
import pytest

from networks.study.experiment import CONSISTENT, INCONSISTENT, Effort, Measured
from networks.study.registry import HOMES, experiment

PLANTED = {
    "duality": {"dot test": 1e-6},
    "negative-time": {"modes beyond k*": 2.0},
    "boundaries": {"distance of the manifold's factor from theory": 0.01},
    "boundary-strength": {"steps, weak over strong": 0.5},
    "bottleneck": {"exponent of steps, descent, residual": 2.0},
    "stack-error": {"rate at c = 1.25": 0.01},
    "symmetry": {"sum over paths": 1e-3},
    "triangle": {"least chance of an interaction": 0.3},
    "completion": {"spread of the function": 1e-3},
    "moving-covers": {"exponent of flips by width": 0.0},
    "edge-of-stability": {"exponent of sharpness by 1/η": 0.0},
    "plasticity": {"late over early error, perceptron": 1.0},
}
"""For each experiment a finding that refutes its statement."""


def fitting(name):
    """Values that satisfy every falsifier of an experiment."""
    bounds: dict[str, list[float]] = {}
    for falsifier in experiment(name).falsifiers:
        bounds.setdefault(falsifier.quantity, []).append(falsifier.limit)
    return {quantity: float(np.mean(limits)) for quantity, limits in bounds.items()}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_findings_are_judged_inconsistent(name):
    made = experiment(name)
    good = fitting(name)
    assert made.name == name and made.verdict(good) == CONSISTENT
    assert made.verdict(good | PLANTED[name]) == INCONSISTENT
    for quantity in good:
        assert made.verdict(good | {quantity: float("nan")}) == INCONSISTENT
    assert set(made.means) == {CONSISTENT, INCONSISTENT} and made.frame and made.expected and made.definition


def test_every_experiment_can_fail():
    assert set(PLANTED) <= set(HOMES)
    for name in PLANTED:
        assert len(experiment(name).falsifiers) > 0


def test_an_error_on_a_stack_grows_by_the_gain():
    made = experiment("stack-error")
    found = made.measure(Effort(quick=True, seeds=1))
    assert isinstance(found, Measured) and made.verdict(found.values) == CONSISTENT
    assert found.values["rate at c = 1.25"] == pytest.approx(np.log(1.25), abs=0.05)
    figure = made.draw(found)
    figure.canvas.draw()
    assert len(figure.axes) == 1


def test_functions_do_not_depend_on_names_and_scales_of_neurons():
    made = experiment("symmetry")
    found = made.measure(Effort(quick=True, seeds=2))
    assert made.verdict(found.values) == CONSISTENT
    assert all(back != before for before, _, back in found.tables[1].rows)
