"""Lets `python -m playmate_jax ARGUMENTS` do what `playmate ARGUMENTS` does."""

from playmate_jax.cli import main

if __name__ == "__main__":
    main()
