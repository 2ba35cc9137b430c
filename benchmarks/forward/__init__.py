"""Seconds and memory of forward solves on a plate with nine holes and a crack, nmm against its peers."""
