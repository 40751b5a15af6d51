"""Statistics of features that style losses compare."""
