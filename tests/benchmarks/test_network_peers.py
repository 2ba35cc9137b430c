"""jinns on the disk beside networks, where it is installed."""

import pytest

pytest.importorskip("jinns")

from benchmarks.networks.peers import rows


def test_both_learn_the_disk_in_one_run():
    made = list(rows(True, print))
    assert [name in row["figure"] for name, row in zip(("networks", "jinns"), made, strict=True)] == [
        True,
        True,
    ]
    assert all(row["value"] < 0.5 for row in made)
