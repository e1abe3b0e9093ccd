"""`python -m playmate_jax ...` is `playmate ...`."""

from playmate_jax.cli import main

if __name__ == "__main__":
    main()
