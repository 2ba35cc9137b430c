"""Models, boundary terms and the boundaries they apply to."""
