"""The losses: a statistic that adds over positions, and a gradient that is local."""
