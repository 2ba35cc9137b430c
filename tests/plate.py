"""A small case, and the command line called in this process."""

import pytest

from nmm.cli import main

PLATE = """\
[domain]
outline = { rectangle = [0, 0, 2, 1] }
holes = [{ circle = [1.4, 0.6, 0.15] }]
cracks = [[[0.5, 0.0], [0.5, 0.3]]]

[[domain.region]]
name = "inclusion"
shape = { circle = [1.0, 0.3, 0.1] }

[cover]
cells = 16

[parameters]
E = 210e9

[physics]
model = "elasticity"
young = "E"
poisson = 0.3

[physics.in.inclusion]
young = 70e9

[[boundary]]
on = "x == 0"
displacement = [0, 0]

[[boundary]]
on = "x == 2"
traction = [1e6, 0]

[output]
probes = [[1.8, 0.5]]
"""

CRACKS = "cracks = [[[0.5, 0.0], [0.5, 0.3]]]"
LINE = (
    '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": '
    '{"type": "LineString", "coordinates": [[%s], [%s]]}}]}'
)


def nmm(*arguments):
    """The exit code of `nmm ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code
