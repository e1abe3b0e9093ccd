"""Asking a test's server: waiting for jobs, and where its streams are."""

import time

STREAM = "ws://127.0.0.1/v1/stream"  # the test client's own host name would be refused


def wait_for(client, id, *states):
    """The job once it is in one of these states."""
    for _ in range(600):
        job = client.get(f"/v1/jobs/{id}").json()
        if job["state"] in states:
            return job
        time.sleep(0.05)
    raise AssertionError(f"still {job}")
