"""Inverse problems, data -> parameters: the mirror image of the forward map."""
