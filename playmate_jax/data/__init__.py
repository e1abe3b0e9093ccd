"""Data: the drawn-face world, and readers of recorded videos."""
