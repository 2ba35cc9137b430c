"""Networks and the best classical methods on the problems of the literature, by one measure."""
