"""What the figures were measured on, and small statistics. Knows /proc where there is one."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from redactor.cli import built


def described() -> dict[str, str]:
    """Processor, cores, kernel, Python, whether redactor is compiled: enough to read a figure by."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        "redactor": built(),
    }


def quantile(sorted_values: list[float], q: float) -> float:
    """The q-quantile (0..1) of values in order, by the nearest rank."""
    return sorted_values[min(len(sorted_values) - 1, int(q * len(sorted_values)))]


def _family(pid: int) -> list[int]:
    """A process and those that it started, however far down (Linux)."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = task / "children"
        if children.exists():
            for child in children.read_text().split():
                found += _family(int(child))
    return found


def processor_seconds(pid: int) -> float:
    """User and system time that a process and its children have used so far (Linux)."""
    ticks = 0
    for one in _family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of memory that a process and its children have resident (Linux)."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in _family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE")


def load() -> str:
    """How busy the machine is besides: the load average of the last minute."""
    return f"{os.getloadavg()[0]:.2f}"
