"""Experiments on the claims of Ma and Shi's "Deep Manifold", each measured and judged."""
