import numpy as np
import pytest
from matplotlib import image
from stand_in import Manifold, squares

import nmm
from nmm.cover.lattice import Grid
from nmm.results.coloring import UNSPLIT, element_colors, manifold_colors, patch_colors
from nmm.results.cover_plot import cover_figure, lattice_lines
from nmm.results.plot import save_figure


def test_patches_of_one_weight_never_share_a_colour():
    rng = np.random.default_rng(3)
    weight = np.sort(rng.integers(0, 60, 150))
    patches = rng.integers(0, 150, (300, 4))
    colors = patch_colors(patches, weight)
    for number in np.unique(weight):
        mine = colors[weight == number]
        if len(mine) == 1:
            assert mine[0] == UNSPLIT
        else:
            assert len(set(mine)) == len(mine) and UNSPLIT not in mine


def test_each_side_of_a_crack_has_one_colour_and_the_rest_none():
    manifold = Manifold(n=20)
    mesh = manifold.mesh()
    colors = manifold_colors(manifold, mesh)
    centre = np.array([p.mean(axis=0) for p in np.split(mesh.points, mesh.offsets[1:-1])])
    near = (np.abs(centre[:, 1] - manifold.crack_at) < 0.05) & (centre[:, 0] < manifold.tip - 0.05)
    above, below = (set(colors[near & side]) for side in (centre[:, 1] > 0.37, centre[:, 1] < 0.37))
    assert len(above) == len(below) == 1
    assert above != below
    assert (colors[np.abs(centre[:, 1] - manifold.crack_at) > 0.11] == UNSPLIT).all()


def test_without_cracks_nothing_is_coloured():
    mesh = squares(5, 4)
    assert (element_colors(mesh.patches, np.arange(30)) == UNSPLIT).all()


@pytest.mark.parametrize("shape, count", [("quad", 6 + 4), ("triangle", 6 + 4 + 7)])
def test_lattice_lines_run_from_end_to_end(shape, count):
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    grid = Grid(np.array([1.0, 2.0]), 0.5, turn, 5, 3, shape, np.array([100.0, 0.0]))
    lines = lattice_lines(grid)
    assert len(lines) == count
    local = (lines - grid.shift - grid.origin) @ turn / 0.5
    assert local[..., 0].min() == pytest.approx(0, abs=1e-12)
    assert local[..., 0].max() == pytest.approx(5)
    assert local[..., 1].max() == pytest.approx(3)


@pytest.mark.parametrize("n", [6, 96])
def test_covers_are_drawn_coarse_and_fine(n, tmp_path):
    figure = cover_figure(Manifold(n=n), title="covers", length_unit="m")
    assert len(figure.axes) == (2 if n > 90 else 1)
    save_figure(figure, tmp_path / "a.png")
    assert image.imread(tmp_path / "a.png").size


def test_a_fine_lattice_around_a_hole_is_drawn_although_its_middle_is_empty():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1) - nmm.disk((0.5, 0.5), 0.3), nmm.lattice(cells=256))
    figure = cover_figure(manifold)
    assert len(figure.axes) == 2
