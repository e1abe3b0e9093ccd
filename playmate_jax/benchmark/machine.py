"""What a benchmark ran on, and how much memory it took."""

import os
import platform
import re
from pathlib import Path

import jax

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def machine() -> dict[str, str | int | list[float]]:
    """Processor, devices, and the load of the last minutes, in plain values."""
    devices = jax.local_devices()
    return {
        "cpu": cpu_name(),
        "cpus": usable_cpus(),
        "device": devices[0].device_kind,
        "devices": len(devices),
        "load": [round(x, 2) for x in os.getloadavg()],
    }


def cpu_name() -> str:
    """The processor's name; its architecture where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return found[1].strip() if found else platform.machine()


def usable_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def forget_peak_memory() -> None:
    """Starts `host_peak_mib` anew from what is in use now, where the system allows it."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return


def host_peak_mib() -> float | None:
    """The largest resident memory of this process, in MiB; None where the system does not tell."""
    return _status_mib("VmHWM")


def host_resident_mib() -> float | None:
    """The resident memory of this process now, in MiB; None where the system does not tell."""
    return _status_mib("VmRSS")


def _status_mib(name: str) -> float | None:
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB", STATUS.read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None


def device_peak_mib() -> float | None:
    """The largest memory in use on the first device, in MiB; None where the backend does not tell,
    as on CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats["peak_bytes_in_use"] / 2**20 if "peak_bytes_in_use" in stats else None
