"""The cut: manifold elements, physical patches and their quadrature."""
