"""Programs of trained networks are large, and no other file uses them again."""

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def forget_programs():
    yield
    jax.clear_caches()
