"""Stub until the branch 'hosts' is merged."""


def agreed(action):
    """Runs an action on process 0."""
    import jax
    return action() if jax.process_index() == 0 else None


def is_main():
    """Process 0."""
    import jax
    return jax.process_index() == 0
