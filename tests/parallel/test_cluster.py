"""What each launcher's variables mean. The values are those that the launchers document."""

import pytest

from playmate_jax.errors import UserError
from playmate_jax.parallel.cluster import Job, first_node, job_of, tasks_on_nodes

OURS = {
    "PLAYMATE_COORDINATOR": "10.0.0.1:999", "PLAYMATE_PROCESSES": "4", "PLAYMATE_PROCESS": "3",
}  # fmt: skip
SLURM = {
    "SLURM_JOB_ID": "123456", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NODELIST": "gpu[07-08]", "SLURM_PROCID": "1", "SLURM_LOCALID": "0",
    "SLURM_NODEID": "1", "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
}  # fmt: skip
ON_ONE_NODE = {"SLURM_STEP_TASKS_PER_NODE": "2", "SLURM_NODEID": "0", "SLURM_LOCALID": "1"}
MPI = {
    "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "1", "PLAYMATE_COORDINATOR": "head",
}  # fmt: skip


def without(environment, *names):
    return {name: value for name, value in environment.items() if name not in names}


@pytest.mark.parametrize(
    "environment",
    [
        {}, {"SLURM_JOB_ID": "1"}, {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "1"},
        {"OMPI_COMM_WORLD_SIZE": "1"}, {"JOB_COMPLETION_INDEX": "7"},
        OURS | {"PLAYMATE_PROCESSES": "1", "PLAYMATE_PROCESS": "0"},
    ],
)  # fmt: skip
def test_one_process_needs_no_launcher(environment):
    assert job_of(environment) == Job()


def test_our_variables_win_over_those_of_a_launcher_around():
    assert job_of(SLURM | MPI | OURS) == Job(4, 3, "10.0.0.1:999")


def test_an_indexed_kubernetes_job_gives_the_process_number():
    pod = without(OURS, "PLAYMATE_PROCESS") | {"JOB_COMPLETION_INDEX": "2"}
    pod["PLAYMATE_COORDINATOR"] = "playmate-workers-0-0.playmate"
    assert job_of(pod) == Job(4, 2, "playmate-workers-0-0.playmate:12321")


def test_one_slurm_process_per_node_uses_all_devices_of_its_node():
    # the port: 20000 + 123456 % 10000
    assert job_of(SLURM) == Job(2, 1, "gpu07:23456", None)
    assert job_of(SLURM | {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}).local_devices is None


def test_several_slurm_processes_of_a_node_use_one_device_each():
    assert job_of(SLURM | ON_ONE_NODE).local_devices == (1,)
    assert job_of(SLURM | ON_ONE_NODE | {"CUDA_VISIBLE_DEVICES": "0,1"}).local_devices == (1,)


@pytest.mark.parametrize("bound", [{"CUDA_VISIBLE_DEVICES": "0"}, {"SLURM_GPUS_PER_TASK": "2"}])
def test_a_slurm_process_that_sees_only_its_own_devices_uses_those(bound):
    assert job_of(SLURM | ON_ONE_NODE | bound).local_devices is None


def test_the_coordinator_may_be_given_beside_slurm():
    assert job_of(SLURM | {"PLAYMATE_COORDINATOR": "login:5"}).coordinator == "login:5"


def test_open_mpi_gives_numbers_and_we_the_address():
    assert job_of(MPI) == Job(2, 1, "head:12321", None)
    two_here = MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}
    assert job_of(two_here).local_devices == (1,)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (without(OURS, "PLAYMATE_PROCESS"), "expected PLAYMATE_PROCESS beside PLAYMATE_PROCESSES"),
        (without(OURS, "PLAYMATE_PROCESSES"), "expected PLAYMATE_PROCESSES beside"),
        (without(OURS, "PLAYMATE_COORDINATOR"), "expected PLAYMATE_COORDINATOR beside"),
        (OURS | {"PLAYMATE_PROCESS": "4"}, "expected a process number from 0 to 3, found 4"),
        (OURS | {"PLAYMATE_PROCESSES": "two"}, "number in PLAYMATE_PROCESSES, found 'two'"),
        (without(SLURM, "SLURM_STEP_NODELIST"), "expected 2 processes .*not start.*: use srun"),
        ({"SLURM_JOB_ID": "1", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"}, "expected 2 processes"),
        (without(MPI, "PLAYMATE_COORDINATOR"), "mpirun -x PLAYMATE_COORDINATOR=HOST:PORT"),
    ],
)
def test_a_job_that_cannot_be_joined_is_refused_in_one_sentence(environment, sentence):
    with pytest.raises(UserError, match=sentence):
        job_of(environment)


def test_the_first_node_of_a_slurm_list():
    lists = {
        "n1": "n1", "n1,n2": "n1", "gpu[07-09,12],cpu1": "gpu07", "a[3,5]b,c": "a3b",
        "rack[1-2]-n[04-05]": "rack1-n04",
    }  # fmt: skip
    assert {text: first_node(text) for text in lists} == lists


def test_tasks_of_every_node():
    assert tasks_on_nodes("2(x3),1") == [2, 2, 2, 1]
    assert tasks_on_nodes("8") == [8]
