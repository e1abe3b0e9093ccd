"""Experiments: one Python file each, `config()` returns what `playmate train` runs."""
