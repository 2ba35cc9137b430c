"""Experiments on the claims of Ma and Shi's "Deep Manifold": each measured, judged, and open to being refuted."""
