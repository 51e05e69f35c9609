"""What the figures were measured on, and small statistics. Knows /proc where there is one."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path


def described() -> dict[str, str]:
    """Processor, cores, kernel, Python: enough to read a figure by."""
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
    }


def quantile(sorted_values: list[float], q: float) -> float:
    """The q-quantile (0..1) of values in order, by the nearest rank."""
    return sorted_values[min(len(sorted_values) - 1, int(q * len(sorted_values)))]


def processor_seconds(pid: int) -> float:
    """User and system time that a process has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
