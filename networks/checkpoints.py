"""Checkpoints of training, kept by orbax: training that was killed goes on as if it had not been."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nmm.errors import InputError


def content(state: Any, mark: str) -> dict[str, Any]:
    """What is kept of a state; arrays only."""
    return {
        "mark": np.frombuffer(mark.encode(), np.uint8),
        "z": state.z,
        "inner": jax.tree.leaves(state.inner),
        "keys": state.keys,
        "at": np.array([state.step, state.seconds]),
        "losses": state.losses,
        "looks": np.array(state.looks).reshape(-1, 2),
    }


def save(folder: str | os.PathLike, mark: str, state: Any):
    """Write a checkpoint; the last one stays until the new one is whole."""
    import orbax.checkpoint as ocp  # takes a second to import, and few runs need it

    with ocp.StandardCheckpointer() as writer:
        writer.save(Path(folder).absolute(), content(state, mark), force=True)


def load(folder: str | os.PathLike, mark: str, state: Any) -> Any:
    """The state kept in a folder, or `state` where there is none yet.

    **Raises:** `InputError` for a checkpoint of another run.
    """
    path = Path(folder).absolute()
    if not path.exists():
        return state
    import orbax.checkpoint as ocp

    try:
        with ocp.StandardCheckpointer() as reader:
            found = reader.restore(path)
    except (ValueError, KeyError, FileNotFoundError, TypeError) as error:
        raise wrong(path, f"it is not a checkpoint ({error})") from None
    if np.asarray(found["mark"]).tobytes().decode() != mark:
        raise wrong(path, "the checkpoint belongs to another network, loss, problem or way of training")
    inner = jax.tree.unflatten(jax.tree.structure(state.inner), found["inner"])
    step, seconds = np.asarray(found["at"])
    looks = [(int(a), float(b)) for a, b in np.asarray(found["looks"])]
    return replace(
        state,
        z=jax.numpy.asarray(found["z"]),
        inner=inner,
        keys=jax.numpy.asarray(found["keys"]),
        step=int(step),
        seconds=float(seconds),
        losses=np.asarray(found["losses"]),
        looks=looks,
    )


def wrong(path: Path, what: str) -> InputError:
    return InputError(what, where=str(path), hint="remove the folder to begin anew")
