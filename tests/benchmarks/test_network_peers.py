"""jinns on the disk beside networks, where it is installed."""

import pytest

pytest.importorskip("jinns")

from benchmarks.networks.peers import rows


def test_both_learn_the_disk_in_one_run():
    made = {row["figure"]: row["value"] for row in rows(True, print)}
    for name in ("networks", "jinns"):
        assert made[f"disk, {name}: error"] < 0.5
        assert made[f"disk, {name}: training"] > 0
