"""Waiting for jobs of a test's server."""

import time


def wait_for(client, id, *states):
    """The job once it is in one of these states."""
    for _ in range(600):
        job = client.get(f"/v1/jobs/{id}").json()
        if job["state"] in states:
            return job
        time.sleep(0.05)
    raise AssertionError(f"still {job}")
