"""Malformed inputs: each ends with code 2 and a message that names the place and the remedy."""

import re

import pytest
from plate import CRACKS, PLATE, nmm

BOW_TIE = "outline = { polygon = [[0, 0], [2, 1], [2, 0], [0, 1]] }"
RECTANGLE = "outline = { rectangle = [0, 0, 2, 1] }"
PULL = "traction = [1e6, 0]"

MALFORMED = {
    # name: (what is replaced, by what, words of the message)
    "bad TOML": (RECTANGLE, "outline = { rectangle = [0, 0, 2, 1]", ["plate.toml", "TOML", "line"]),
    "a key twice": ("poisson = 0.3", "poisson = 0.3\npoisson = 0.2", ["plate.toml", "TOML"]),
    "an unknown key": (
        "poisson = 0.3",
        "poisson = 0.3\ncolour = 1",
        ["line 20", "physics.colour", "Known|known"],
    ),
    "a misspelt key": ("traction", "tracton", ["line 30", "boundary]] 1: tracton", 'mean "traction"']),
    "a misspelt table": ("[cover]", "[covr]", ["[covr]", 'mean "cover"']),
    "a missing table": ("[cover]\ncells = 16", "", ["[cover]", "missing", "nmm new"]),
    "a missing key": ("poisson = 0.3\n", "", ["[physics]|physics.poisson", "missing", "0.3"]),
    "a number as text": ("cells = 16", 'cells = "16"', ["cover.cells", "whole number"]),
    "a self-crossing outline": (RECTANGLE, BOW_TIE, ["line 2", "domain.outline", "cross"]),
    "an outline of two points": (
        RECTANGLE,
        "outline = { polygon = [[0, 0], [2, 1]] }",
        ["domain.outline", "three"],
    ),
    "xmin above xmax": ("[0, 0, 2, 1]", "[2, 0, 0, 1]", ["line 2", "domain.outline.rectangle", "xmin"]),
    "a radius of zero": ("[1.4, 0.6, 0.15]", "[1.4, 0.6, 0]", ["domain.holes.0", "radius"]),
    "coordinates whose squares overflow": (
        "[0, 0, 2, 1]",
        "[0, 0, 1e300, 1]",
        ["line 2", "outline.rectangle.2", "1e150"],
    ),
    "a hole called outline": (
        "[1.4, 0.6, 0.15]",
        '[1.4, 0.6, 0.15], name = "outline"',
        ["line 3", "domain.holes.0.name", "`on`", "expected|choose"],
    ),
    "a region called default": ('name = "inclusion"', 'name = "default"', ["line 6", "region", "default"]),
    "single brackets": (
        '[[boundary]]\non = "x == 0"\ndisplacement = [0, 0]\n\n[[boundary]]\non = "x == 2"\n' + PULL,
        '[boundary]\non = "x == 0"\ndisplacement = [0, 0]',
        ["boundary", "expected a list", r"\[\[boundary\]\]"],
    ),
    "a density without gravity in a region": (
        "young = 70e9",
        "young = 70e9\ndensity = 2700",
        ["line 23", "physics.in.inclusion.density", "gravity"],
    ),
    "a cell smaller than any number": ("cells = 16", "cell = 1e-300", ["line 11", "cover.cell", "GiB"]),
    "two shapes in one": (
        RECTANGLE,
        RECTANGLE.replace("}", ", circle = [0, 0, 1] }"),
        ["outline", "exactly one"],
    ),
    "a hole outside": ("[1.4, 0.6, 0.15]", "[9, 9, 0.1]", ["line 3", "domain.holes.0", "hole 0"]),
    "an empty region": ("[1.0, 0.3, 0.1]", "[9.0, 0.3, 0.1]", ["line 6", "domain.region]] 0", "inclusion"]),
    "nothing left of the domain": ("[1.4, 0.6, 0.15]", "[1, 0.5, 9]", ["plate.toml", "hole|area|empty"]),
    "an inline crack outside": (
        CRACKS,
        "cracks = [[[5, 5], [6, 6]]]",
        ["line 4", "domain.cracks.0", "crack 0", "outside"],
    ),
    "a crack of one point": (CRACKS, "cracks = [[[0.5, 0.0]]]", ["domain.cracks.0", "two"]),
    "NaN coordinates": (CRACKS, "cracks = [[[0.5, nan], [0.5, 0.3]]]", ["domain.cracks.0", "nan", "finite"]),
    "NaN in a file": (CRACKS, 'cracks = "nan.geojson"', ["nan.geojson", "finite|NaN|number"]),
    "a missing file": (
        CRACKS,
        'cracks = "trace.geojson"',
        ["line 4", "domain.cracks.0", 'mean "traces.geojson"'],
    ),
    "a truncated DXF": (CRACKS, 'cracks = "cut.dxf"', ["domain.cracks.0", "cut.dxf"]),
    "a bad GeoJSON": (CRACKS, 'cracks = "bad.geojson"', ["domain.cracks.0", "bad.geojson"]),
    "a file of an unknown kind": (CRACKS, 'cracks = "notes.txt"', ["domain.cracks.0", "geojson|GeoJSON"]),
    "a file with nothing inside": (
        CRACKS,
        'cracks = "far.geojson"',
        ["line 4", "domain.cracks.0", "far.geojson", "coordinate"],
    ),
    "a layer that does not exist": (
        CRACKS,
        'cracks = { file = "joints.dxf", layer = "J9" }',
        ["domain.cracks.0", "J9", "J1"],
    ),
    "loads that do not balance": (
        'on = "x == 0"\ndisplacement',
        'on = "x == 0"\ntraction',
        ["part", "balance"],
    ),
    "contradictory boundary values": (
        PULL,
        'displacement = [1, 0]\n[[boundary]]\non = "x == 2"\ndisplacement = [2, 0]',
        ["plate.toml", "both prescribe", "x == 2", "boundary]] 2"],
    ),
    "a lattice that cannot fit": ("cells = 16", "cell = 1e-7", ["line 11", "cover", "GiB", "would fit"]),
    "a call to open": (
        'young = "E"',
        "young = \"open('/etc/passwd')\"",
        ["line 18", "physics.young", "open"],
    ),
    "an attribute": ('young = "E"', 'young = "E.real"', ["line 18", "physics.young"]),
    "a power written ^": ('young = "E"', 'young = "E^2"', ["physics.young", r"\*\*"]),
    "a constant that is not finite": ('young = "E"', 'young = "E*1e999"', ["physics.young", "large|finite"]),
    "an expression that is too long": (
        'young = "E"',
        f'young = "{"E+" * 1500}E"',
        ["physics.young", "2,?000"],
    ),
    "an unknown parameter": (
        'young = "E"',
        'young = "E*alpha"',
        ["physics.young", "alpha", r"\[parameters\]"],
    ),
    "a parameter called x": ("E = 210e9", "E = 210e9\nx = 1", ["parameters.x", "rename"]),
    "a parameter that is not finite": ("E = 210e9", "E = inf", ["parameters.E", "finite"]),
    "cell and cells": ("cells = 16", "cells = 16\ncell = 0.1", ["cover", "exactly one", "cell and cells"]),
    "neither cell nor cells": ("cells = 16", "angle = 1", ["cover", "exactly one", "none"]),
    "a negative cell": ("cells = 16", "cell = -0.1", ["line 11", "cover.cell", "greater than 0"]),
    "an unknown dilatation": (
        "poisson = 0.3",
        'poisson = 0.3\ndilatation = "average"',
        ["line 20", "physics.dilatation", '"average"', "pointwise, mean"],
    ),
    "a mean dilatation in plane stress": (
        "poisson = 0.3",
        'poisson = 0.3\nplane = "stress"\ndilatation = "mean"',
        ["line 21", "physics.dilatation", 'plane = "strain"'],
    ),
    "a mean dilatation on triangles": (
        "cells = 16\n\n[parameters]\nE = 210e9\n\n[physics]",
        'cells = 16\nshape = "triangle"\n[parameters]\nE = 210e9\n[physics]\ndilatation = "mean"',
        ["physics.dilatation", 'shape "triangle", expected "quad"'],
    ),
    "poisson out of range": ("poisson = 0.3", "poisson = 0.5", ["physics.poisson", "plane strain"]),
    "poisson out of range somewhere": (
        "poisson = 0.3",
        'poisson = "0.3 + 0.2*x"',
        ["physics", r"poisson|\bnu\b|ν"],
    ),
    "a negative modulus": ('young = "E"', "young = -1", ["line 18", "physics.young", "greater than 0"]),
    "a modulus negative somewhere": ('young = "E"', 'young = "E*(1 - x)"', ["physics", "young"]),
    "an unknown region": (
        "[physics.in.inclusion]",
        "[physics.in.inclusio]",
        ["inclusio", 'mean "inclusion"'],
    ),
    "an on that selects nothing": ('on = "x == 2"', 'on = "x == 3"', ["boundary", "x == 3", "outline"]),
    "a hole that does not exist": ('on = "x == 2"', 'on = "hole 7"', ["boundary", "hole 7", "hole 0"]),
    "an on that is no condition": ('on = "x == 2"', 'on = "x + 2"', ["boundary", r"x \+ 2"]),
    "a key of the other physics": (PULL, "flux = 1", ["boundary]] 1: flux", "poisson", "traction"]),
    "two conditions in one entry": (PULL, f"{PULL}\npressure = 1", ["boundary]] 1", "exactly one"]),
    "an entry without condition": (PULL, "", ["boundary]] 1", "exactly one"]),
    "three components": (PULL, "traction = [1, 2, 3]", ["boundary]] 1: traction", "two components"]),
    "a point load outside": ("[output]", "[[point_load]]\nat = [9, 9]\nforce = [1, 0]\n[output]", ["9"]),
    "a bond without a stiffness": (
        "[output]",
        '[[interface]]\nbetween = "inclusion"\n[output]',
        ["interface]] 0", "at least one of normal, tangential"],
    ),
    "a bond of three regions": (
        "[output]",
        '[[interface]]\nbetween = ["a", "b", "c"]\nnormal = 1\n[output]',
        ["interface]] 0: between", "expected the name of a region or a list of two"],
    ),
    "a bond of no stiffness": (
        "[output]",
        '[[interface]]\nbetween = "inclusion"\nnormal = 0\n[output]',
        ["interface]] 0: normal", "expected a value greater than 0"],
    ),
    "a bond that conducts in elasticity": (
        "[output]",
        '[[interface]]\nbetween = "inclusion"\nconductance = 1\n[output]',
        ["interface]] 0: conductance", "expected"],
    ),
    "a bond of an unknown region": (
        "[output]",
        '[[interface]]\nbetween = ["inclusion", "hole"]\nnormal = 1\n[output]',
        ["line 32", "interface]] 0", 'no region "hole"; expected one of'],
    ),
    "two bonds on one border": (
        "[output]",
        '[[interface]]\nbetween = "inclusion"\nnormal = 1\n'
        '[[interface]]\nbetween = ["inclusion", "default"]\nnormal = 2\n[output]',
        ["line 35", "interface]] 1", "both hold the border near", "expected"],
    ),
    "a malformed probe": ("[[1.8, 0.5]]", "[[1.8]]", ["output.probes.0", "point"]),
    "an unknown field": ("[output]", '[output]\nfields = ["stres"]', ["output.fields.0", 'mean "stress"']),
    "exact of the wrong size": ("[output]", '[exact]\nsolution = "x"\n[output]', ["exact.solution", "two"]),
    "an unknown kind of data": (
        "[output]",
        '[[data]]\nkind = "speed"\nfile = "u.csv"\n[output]',
        ["kind", "speed"],
    ),
    "an unknown method": (
        "[output]",
        '[solve]\nmethod = "magic"\n[output]',
        ["solve.method", "magic", "direct"],
    ),
    "a tolerance of zero": ("[output]", "[solve]\ntolerance = 0\n[output]", ["solve.tolerance", "0"]),
    "a negative ghost penalty": ("[output]", "[solve]\nghost = -1\n[output]", ["solve.ghost", "-1", "≥ 0"]),
    "a grid of the wrong shape": (
        'young = "E"',
        'young = { grid = "k.npy", box = [0, 0, 2, 1] }',
        ["line 18", "physics.young", "k.npy", "shape"],
    ),
    "sharp tips": ("cells = 16", 'cells = 16\ntips = "sharp"', ["line 12", "cover.tips", "enriched"]),
    "far tips": ("cells = 16", "cells = 16\ntip_radius = 99", ["cover.tip_radius", "between 0 and 20"]),
    "a table that is reserved": ("[output]", "[time]\nend = 1\n[output]", [r"\[time\]", "not yet"]),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_input_ends_with_code_2_its_place_and_its_remedy(folder, capsys, name):
    old, new, words = MALFORMED[name]
    assert old in PLATE
    (folder / "plate.toml").write_text(PLATE.replace(old, new, 1))
    code = nmm("solve", "plate.toml")
    message = capsys.readouterr().err
    assert code == 2, message
    assert message.startswith("nmm: ") and "Traceback" not in message
    for word in words:
        assert re.search(word, message), f"{word!r} is not in\n{message}"
    assert re.search("->|expected|must|at least|more than|outside the domain", message), message
    assert not (folder / "results").exists()
