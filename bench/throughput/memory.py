"""Peak memory of one workload, in a process of its own: ``python -m graftbench.bench.throughput.memory WORKLOAD``."""

import subprocess
import sys

from .workload import Workload, peak_memory


def measure_peak_memory(workload: Workload) -> float:
    """Peak memory of ``workload`` in MB, measured in a new process."""
    command = [sys.executable, "-P", "-m", "graftbench.bench.throughput.memory", workload.to_json()]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError(f"measuring the memory of {workload.name} failed:\n{found.stderr}")
    return float(found.stdout)


if __name__ == "__main__":
    sys.stdout.write(str(peak_memory(Workload.from_json(sys.argv[1]))))
