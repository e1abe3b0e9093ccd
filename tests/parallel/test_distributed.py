"""Two real processes on this machine: they decide together, and none outlives the other."""

import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from playmate_jax.errors import UserError
from playmate_jax.parallel.distributed import agreed, any_process, initialize, is_main
from playmate_jax.parallel.last_words import LastWords
from tests.jobs import ROOT, ends, environment, start, wait_for

JOIN = "from playmate_jax.parallel.distributed import *; job = initialize({timeout});"


def test_two_processes_decide_together():
    program = JOIN.format(timeout="") + textwrap.dedent(
        """
        import jax
        from playmate_jax.errors import UserError
        def refuse(): raise UserError("expected a free workdir, found a lock")
        def fail(): raise OSError("disk full")
        print(jax.process_count(), len(jax.devices()), len(jax.local_devices()))
        print(is_main(), agreed(lambda: "made"), any_process(job.process == 1), any_process(False))
        for action in (refuse, fail):
            try:
                agreed(action)
            except Exception as error:
                print(type(error).__name__, error)
        """
    )
    first, second = ends(start(program))
    assert first[0] == second[0] == 0, first[2] + second[2]
    refused = "UserError expected a free workdir, found a lock"
    common = ["2 2 1"]
    assert first[1].splitlines() == [*common, "True made True False", refused, "OSError disk full"]
    assert second[1].splitlines() == [
        *common, "False None True False", refused, "RuntimeError process 0: OSError disk full",
    ]  # fmt: skip
    # The words for a death are not said by those who live.
    assert "playmate:" not in first[2] + second[2]


def test_one_process_decides_alone():
    assert initialize({}).processes == 1 and is_main()
    assert agreed(lambda: 5) == 5
    assert any_process(True) is True and any_process(False) is False


@pytest.mark.parametrize("dead", [0, 1])
def test_when_a_process_is_killed_the_other_is_out_within_30_s_and_says_why(dead):
    program = JOIN.format(timeout="") + textwrap.dedent(
        """
        import time
        while True:
            any_process(False)
            print("step", flush=True)
            time.sleep(0.05)
        """
    )
    job = start(program)
    for process in job:
        wait_for(process, "step")
    job[dead].send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    found = ends(job, timeout_s=60)
    assert time.monotonic() - killed_at < 30
    assert found[1 - dead][0] != 0
    assert f"playmate: process {1 - dead} of 2" in found[1 - dead][2]
    assert f"playmate: process {dead} of 2 was killed" in found[dead][2]


def test_a_job_that_stays_incomplete_ends_with_a_sentence():
    (found,) = ends(start(JOIN.format(timeout="timeout_s=3"), started=1))
    assert found[0] != 0
    assert "playmate: expected 2 processes to meet at 127.0.0.1:" in found[2]


def test_a_port_in_use_is_refused():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        names = {"PLAYMATE_COORDINATOR": f"localhost:{port}", "PLAYMATE_PROCESSES": "2"}
        with pytest.raises(UserError, match=f"expected port {port} of process 0 to be free"):
            initialize(names | {"PLAYMATE_PROCESS": "0"})


def test_our_handler_of_sigterm_is_the_only_one():
    """JAX's own would save at another step, or never: see `jax_enable_preemption_service`."""
    program = "import signal; noted = []; signal.signal(signal.SIGTERM, lambda *a: noted.append(1))"
    program += (
        "\n"
        + JOIN.format(timeout="")
        + textwrap.dedent(
            """
        from orbax.checkpoint import utils
        from jax._src import distributed
        assert distributed.global_state.preemption_sync_manager is None
        step, stop = 0, False
        while not stop:
            step += 1
            stop = any_process(bool(noted))
            assert not utils.reached_preemption(step)
            print("step", flush=True)
        print("stopped after", step, len(noted))
        """
        )
    )
    job = start(program)
    wait_for(job[1], "step")
    job[1].send_signal(signal.SIGTERM)
    found = ends(job)
    assert [code for code, _, _ in found] == [0, 0], found
    (*_, step, none), (*_, same, one) = (out.splitlines()[-1].split() for _, out, _ in found)
    assert step == same and (none, one) == ("0", "1")


@pytest.mark.parametrize("words", ['it\'s gone "now" \\n %s', ""])
def test_last_words_are_said_by_a_killed_process_only_if_there_are_any(words):
    code = f"import os; from {LastWords.__module__} import *; LastWords('a').are({words!r});"
    done = subprocess.run(
        [sys.executable, "-c", code + "os.kill(os.getpid(), 9)"],
        capture_output=True, text=True, cwd=ROOT, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert done.stderr == (f"playmate: {words}\n" if words else "")
