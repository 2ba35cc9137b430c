"""The benchmark of the device runs on any device, and counts the bytes of the operator."""

from benchmarks import record, tables
from benchmarks.gpu import main


def test_a_solve_and_a_batch_are_measured(tmp_path):
    solve, batch = main("poisson", 2000), main("batch of poisson", 2)
    assert solve["converged"] and solve["iterations"] <= 10
    # Values, products and one coefficient a cell; the patches and matrices of pieces beside them.
    assert solve["traffic"] > 24 * solve["unknowns"]
    assert batch["count"] == 2 and batch["ratio"] > 0
    more = {"problems": {"poisson": ""}, "device": {"name": "a device"}, "skipped": []}
    made = record.record("gpu", [solve, batch], [], quick=True, about="a plate", **more)
    text = tables.write(made, tmp_path).read_text()
    assert "a device" in text and "| poisson | 2 |" in text
