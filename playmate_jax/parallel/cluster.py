"""Which process of which job this is, read from the environment that a launcher left.

Three launchers are known: our own variables (launch/local.sh, launch/kubernetes/), SLURM's `srun`,
and Open MPI's `mpirun`. Pure: nothing is started here, see `distributed.initialize`.

    PLAYMATE_COORDINATOR   host[:port] of process 0; it may also be set beside SLURM or Open MPI
    PLAYMATE_PROCESSES     number of processes of the job
    PLAYMATE_PROCESS       number of this one; in an indexed Kubernetes job JOB_COMPLETION_INDEX
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from playmate_jax.errors import UserError

Environment = Mapping[str, str]
PORT = 12321  # of the coordinator, where none is given
_SLURM_PORTS = range(20000, 30000)  # below the ephemeral ports; one for each job of a node


@dataclasses.dataclass(frozen=True)
class Job:
    """The place of a process in its job.

    Attributes:
      processes: of the job.
      process: the number of this one, from 0.
      coordinator: "host:port", where process 0 listens; "" for a job of one process.
      local_devices: the devices of this machine that the process uses; None: all it can see.
    """

    processes: int = 1
    process: int = 0
    coordinator: str = ""
    local_devices: tuple[int, ...] | None = None


def job_of(environment: Environment) -> Job:
    """The job that the environment describes; a single process where it describes none.

    Raises:
      UserError: a launcher says that there are several processes, but not which one this is.
    """
    for read in (_of_playmate, _of_slurm, _of_open_mpi):
        job = read(environment)
        if job is not None:
            if not 0 <= job.process < job.processes:
                raise UserError(
                    f"expected a process number from 0 to {job.processes - 1}, found "
                    f"{job.process}: start every process of the job with its own number"
                )
            return job if job.processes > 1 else Job()
    return Job()


def _of_playmate(environment: Environment) -> Job | None:
    """The job of launch/local.sh and launch/kubernetes/jobset.yaml."""
    names = ("PLAYMATE_PROCESSES", "PLAYMATE_PROCESS")
    if not any(environment.get(name) for name in names):
        return None
    index = "PLAYMATE_PROCESS" if environment.get("PLAYMATE_PROCESS") else "JOB_COMPLETION_INDEX"
    for name in ("PLAYMATE_PROCESSES", index, "PLAYMATE_COORDINATOR"):
        if not environment.get(name):
            found = next(name for name in names if environment.get(name))
            missing = "PLAYMATE_PROCESS" if name == index else name
            raise UserError(
                f"expected {missing} beside {found}, found it unset: set both, or neither to train "
                "with one process"
            )
    processes, process = _number(environment, names[0]), _number(environment, index)
    return Job(processes, process, _with_port(environment["PLAYMATE_COORDINATOR"], PORT))


def _of_slurm(environment: Environment) -> Job | None:
    """The job of `srun`: with one process per node it uses all devices of the node, with several
    each uses the one of its local number, unless SLURM shows each only its own."""
    if not environment.get("SLURM_JOB_ID"):
        return None
    step = "SLURM_STEP_NUM_TASKS"
    count = step if environment.get(step) else "SLURM_NTASKS"
    tasks = _number(environment, count) if environment.get(count) else 1
    if tasks == 1:
        return Job()
    for name in ("SLURM_STEP_NODELIST", "SLURM_PROCID", "SLURM_LOCALID"):
        if not environment.get(name):
            raise UserError(
                f"expected {tasks} processes ({count}), found one that srun did not start ({name} "
                "is unset): use srun, as launch/slurm/train.sbatch does"
            )
    job, local = _number(environment, "SLURM_JOB_ID"), _number(environment, "SLURM_LOCALID")
    port = _SLURM_PORTS[job % len(_SLURM_PORTS)]
    coordinator = environment.get("PLAYMATE_COORDINATOR") or first_node(
        environment["SLURM_STEP_NODELIST"]
    )
    per_node = environment.get("SLURM_STEP_TASKS_PER_NODE") or "1"
    alone = tasks_on_nodes(per_node)[int(environment.get("SLURM_NODEID") or 0)] == 1
    visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
    own = environment.get("SLURM_GPUS_PER_TASK") or (visible[0] and len(visible) == 1)
    process = _number(environment, "SLURM_PROCID")
    devices = None if alone or own else (local,)
    return Job(tasks, process, _with_port(coordinator, port), devices)


def _of_open_mpi(environment: Environment) -> Job | None:
    """The job of `mpirun`, which gives numbers but no address."""
    if not environment.get("OMPI_COMM_WORLD_SIZE"):
        return None
    processes = _number(environment, "OMPI_COMM_WORLD_SIZE")
    if processes == 1:
        return Job()
    if not environment.get("PLAYMATE_COORDINATOR"):
        raise UserError(
            f"expected the address of process 0 of mpirun's {processes}, found none: "
            "mpirun -x PLAYMATE_COORDINATOR=HOST:PORT ..."
        )
    local, beside = (
        _number(environment, f"OMPI_COMM_WORLD_LOCAL_{name}") for name in ("RANK", "SIZE")
    )
    process = _number(environment, "OMPI_COMM_WORLD_RANK")
    coordinator = _with_port(environment["PLAYMATE_COORDINATOR"], PORT)
    return Job(processes, process, coordinator, None if beside == 1 else (local,))


def first_node(nodes: str) -> str:
    """The first name of a SLURM node list: "gpu[07-09,12],cpu1" begins with "gpu07"."""
    first = re.split(r",(?![^\[]*\])", nodes)[0]
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", first)


def tasks_on_nodes(text: str) -> list[int]:
    """The number of tasks of every node: "2(x3),1" is [2, 2, 2, 1]."""
    counts = []
    for part in text.split(","):
        tasks, _, times = part.partition("(x")
        counts += [int(tasks)] * int(times.rstrip(")") or 1)
    return counts


def _with_port(address: str, port: int) -> str:
    return address if ":" in address else f"{address}:{port}"


def _number(environment: Environment, name: str) -> int:
    text = environment.get(name, "")
    if not text.isdecimal():
        raise UserError(f"expected a number in {name}, found '{text}': set it, or unset all")
    return int(text)
