"""Rates, limits and verdicts of the benchmarks on figures made for the purpose."""

import math

import pytest

from benchmarks.checks import AtMost, Rate, Target, Verdict, Within, observed_rate
from benchmarks.outcrops import limit

ROWS = [{"cells": n, "l2": 3.0 * n**-2.05, "v": 24.0 + 1 / n} for n in (16, 32, 64)]


def test_observed_rate_is_the_exponent():
    assert observed_rate([8, 16, 32], [5 * n**-1.7 for n in (8, 16, 32)]) == pytest.approx(1.7)
    assert observed_rate([8], [1.0]) is None
    assert observed_rate([8, 16], [1.0, math.nan]) is None
    assert observed_rate([8, 16], [1.0, 0.0]) is None


def test_a_rate_is_judged_within_its_tolerance_and_only_on_a_full_run():
    assert Rate("l2", 2.0).judge(ROWS, quick=False).passed is True
    assert Rate("l2", 1.0).judge(ROWS, quick=False).passed is False
    assert Rate("l2", 1.0).judge(ROWS, quick=True).passed is None
    assert Rate("l2", 1.5, faster=True).judge(ROWS, quick=False).passed is True
    assert Rate("l2", 1.5, None).judge(ROWS, quick=False).passed is None


def test_a_value_that_is_not_finite_never_passes():
    rows = [{"cells": 8, "l2": math.nan}, {"cells": 16, "l2": 0.0}]
    assert AtMost("l2", 1.0, worst=True).judge(rows, quick=False).passed is False
    assert Target("l2", 1.0, 0.1).judge(rows[:1], quick=False).passed is False


def test_a_target_is_judged_on_the_finest_cover():
    assert Target("v", 24.0, 0.001).judge(ROWS, quick=False).passed is True
    assert Target("v", 24.0, 0.0001).judge(ROWS, quick=False).passed is False


def test_a_range_holds_on_every_cover_and_judges_nobody_without_the_figure():
    rows = [{"cells": n, "ratio": r} for n, r in ((8, 0.8), (16, 0.99))]
    assert Within("ratio", 0.7, 1.5).judge(rows, quick=True) == Verdict("ratio", 0.8, "0.7 to 1.5", True)
    assert Within("ratio", 0.9, 1.5).judge(rows, quick=False).passed is False
    assert Within("ratio", 0.9, 1.5, judged=False).judge(rows, quick=False).passed is None
    assert Within("absent", 0.9, 1.5).judge(rows, quick=False).passed is None


def test_limit_and_rate_of_a_converging_sequence():
    rows = [{"cells": n, "k": 0.4 + 2 / n**1.5} for n in (16, 32, 64, 128)]
    found = limit(rows, "k")
    assert found["limit"] == pytest.approx(0.4)
    assert found["rate"] == pytest.approx(1.5)
    assert found["difference"] == pytest.approx(2 / 128**1.5)


def test_no_limit_is_claimed_for_a_sequence_that_does_not_settle():
    assert limit([{"cells": n, "k": k} for n, k in ((8, 1.0), (16, 1.1), (32, 1.3))], "k")["limit"] is None
    assert limit([{"cells": 8, "k": 1.0}, {"cells": 16, "k": 1.1}], "k")["rate"] is None
