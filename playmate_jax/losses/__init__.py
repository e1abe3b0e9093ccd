"""Training losses: pure functions of arrays, each found by the paper's letter or equation."""
