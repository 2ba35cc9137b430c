"""What networks reach on the problems of nmm and of the literature."""
