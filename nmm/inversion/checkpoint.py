"""Checkpoints of a search: what they keep, and the problem that they belong to."""

import hashlib
import json
import os
from typing import Any

import jax
import numpy as np

from nmm.errors import InputError
from nmm.inversion.model import Model
from nmm.inversion.search import Options, Regulariser, State
from nmm.results.files import replacing

Mark = tuple[str, np.ndarray]
"""What a checkpoint belongs to: `fingerprint` and `sounded`."""


def fingerprint(target: np.ndarray, z: np.ndarray, noise: Any, known: Any, options: Options) -> str:
    """A hash of data, start, noise, what is known, and of how to search."""
    arrays = [target, z, *map(np.asarray, (noise, *jax.tree.leaves(known)))]
    content = b"".join(array.tobytes() for array in arrays) + repr((options.loss, options.rule)).encode()
    return hashlib.sha256(content).hexdigest()


def sounded(model: Model, priors: Regulariser, z: np.ndarray) -> np.ndarray:
    """What the forward problem and the priors say near the start, which tells them from others.

    No two unknowns are alike there, since much cancels where they are.
    """
    near = z + 0.1 * np.cos(np.arange(1, len(z) + 1))
    return np.concatenate([model(near), priors.known(near, near), priors.free(near, near)])


def save(path: str | os.PathLike, state: State, mark: Mark):
    """Write a checkpoint, atomically."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        text = json.dumps([state.strength, state.damping, state.iteration, state.history])
        np.savez(file, z=state.z, state=text, mark=mark[0], sounded=mark[1])


def load(path: str | os.PathLike, mark: Mark) -> State:
    """Read a checkpoint. **Raises:** `InputError` for one of another problem."""
    try:
        with np.load(path) as found:
            z, text, belongs = found["z"], str(found["state"]), (str(found["mark"]), found["sounded"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"it is not a checkpoint ({error})", where=str(path), hint="give another file, or remove it"
        ) from None
    if belongs[0] != mark[0]:
        raise other(path, "other data, another start, noise or loss")
    if not alike(belongs[1], mark[1]):
        raise other(path, "another forward problem, observation or prior")
    strength, damping, iteration, history = json.loads(text)
    return State(z, strength, damping, iteration, history)


def alike(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether two soundings are the same but for the tolerance of a solve."""
    if before.shape != now.shape:
        return False
    size = np.abs(now[np.isfinite(now)]).max(initial=0.0)
    return bool(np.allclose(before, now, rtol=1e-5, atol=1e-5 * size, equal_nan=True))


def other(path: str | os.PathLike, what: str) -> InputError:
    return InputError(f"the checkpoint belongs to {what}", where=str(path), hint="remove it to begin anew")
