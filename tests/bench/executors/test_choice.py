"""Which executor runs the cells, and the copy of the package that it sends along."""

import contextlib
import dataclasses
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from graftbench.bench.errors import UserError
from graftbench.bench.executors import slurm
from graftbench.bench.executors.choice import choose_executor
from graftbench.bench.executors.job import Job
from graftbench.bench.executors.ray_cluster import RayOptions, _Run, gpus_asked, require_room
from graftbench.bench.executors.staging import stage
from graftbench.bench.executors.supervise import sent_job
from graftbench.bench.registries import strategies
from graftbench.bench.store import read_status, write_status

KEPT = ["BuiltinImporter", "FrozenImporter", "PathFinder"]
"""Python's own ways to import; an editable install adds one that finds the checkout."""
RAY = SimpleNamespace(
    put=lambda value: value, cloudpickle=SimpleNamespace(register_pickle_by_value=lambda module: None)
)
"""What is asked of Ray before any cell is sent."""
CHOICE = {"slots": 1, "threads": 1, "device": "cpu", "address": None, "options": []}


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("slurn", {}, "unknown executor 'slurn'; did you mean 'slurm'"),
        ("ray", {"options": ["num_gpu=1"]}, "did you mean 'num_gpus'"),
        ("slurm", {"options": ["partition"]}, "give NAME=VALUE"),
        ("local", {"address": "auto"}, "are for the executors ray and slurm"),
        ("local", {"device": "cuda:99"}, "cuda"),
        ("local", {"device": "meta"}, "unknown device 'meta'; use auto, cpu, cuda or cuda:N"),
        ("ray", {"options": ["num_cpus=many"]}, "--executor-option num_cpus must be a finite number, not 'many'"),
        ("ray", {"options": ["num_gpus=-1"]}, "--executor-option num_gpus must be at least 0"),
        ("slurm", {"options": ["cells_per_task=0"]}, "--executor-option cells_per_task must be at least 1"),
        ("slurm", {"options": ["cluster=local", "parameters={a: 1}"]}, "submitit refuses: .*parameters"),
        ("slurm", {"options": ["requeues=often"]}, "--executor-option requeues must be int"),
        ("slurm", {"options": ["cluster=local", "timeout_min=long"]}, "submitit refuses: .*timeout_min"),
    ],
)
def test_a_mistake_is_said_before_anything_runs(name, changed, message, tmp_path):
    with pytest.raises(UserError, match=message):
        choose_executor(name, store=tmp_path, **{**CHOICE, **changed})


def test_a_cell_of_several_processes_asks_slurm_for_as_many_gpus(tmp_path):
    asked = {**CHOICE, "device": "cuda", "options": ["cluster=local"]}
    chosen: Any = choose_executor("slurm", store=tmp_path, **asked, processes=4)
    assert chosen.keywords["options"].parameters["gpus_per_node"] == 4


@pytest.mark.parametrize(("threads", "cpus", "used"), [(1, 4, 1), (None, 4, 4), (2, 2, 2)])
def test_a_cell_on_slurm_has_the_threads_that_were_asked_for(threads, cpus, used, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(slurm, "Chunk", lambda jobs, threads: given.append(threads))
    options = ["cluster=local", f"cpus_per_task={cpus}"]
    chosen: Any = choose_executor("slurm", store=tmp_path, **{**CHOICE, "threads": threads, "options": options})
    array = SimpleNamespace(batch=contextlib.nullcontext, submit=lambda chunk: chunk)
    slurm._submit(array, [Job(tmp_path, tmp_path)], chosen.keywords["options"], lost=0)
    assert given == [used]


@pytest.mark.parametrize(
    ("sbatch", "message"),
    [
        (
            "echo sbatch: error: invalid partition specified: gpu >&2; exit 1",
            "error: invalid partition specified: gpu$",
        ),
        ("echo Queued as no. 7", 'Could not make sense of sbatch output "Queued as no. 7"'),
    ],
)
def test_what_sbatch_says_against_a_job_is_said_in_one_line(sbatch, message, tmp_path, monkeypatch, capfd):
    for name, does in {"sbatch": sbatch, "srun": "exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    executor = slurm.make_executor(tmp_path / "slurm", 1, slurm.SlurmOptions())
    with pytest.raises(UserError, match=message):
        slurm._submit(executor, [Job(tmp_path, tmp_path)], slurm.SlurmOptions(), lost=0)
    assert capfd.readouterr().err == ""


def test_a_cell_that_no_node_of_a_ray_cluster_can_take_is_refused(tmp_path):
    nodes, job = [{"CPU": 2.0, "memory": 4e9}, {"CPU": 8.0, "GPU": 1.0, "memory": 1e9}], Job(tmp_path, tmp_path)
    require_room(nodes, [job], RayOptions(num_cpus=8, num_gpus=1))
    with pytest.raises(UserError, match=r"asks for 64 CPU, 0 GPU, and no node .* .the most: 8 CPU, 1 GPU"):
        require_room(nodes, [job], RayOptions(num_cpus=64))
    with pytest.raises(UserError, match="asks for 8 CPU, 0 GPU, 3 GB of memory"):
        require_room(nodes, [dataclasses.replace(job, memory_gb=3)], RayOptions(num_cpus=8))


DASHES = "-" * 22


@pytest.mark.parametrize(
    ("state", "said", "status", "reason"),
    [
        ("CANCELLED by 1000", "", "killed", "ended CANCELLED BY 1000; --retry"),
        ("DEADLINE", "No output/error stream produced ! Check: x", "timeout", "ended DEADLINE: it wrote nothing"),
        ("COMPLETED", "No output/error stream produced ! Check: x", "failed", "ended COMPLETED: it wrote nothing"),
        (
            "FAILED",
            f"Error stream produced:\n{DASHES}\nsrun: hm\nsrun: a fault",
            "failed",
            "ended FAILED: srun: a fault",
        ),
        ("FAILED", f"with trace:\n{DASHES}\nE: why\n\n{DASHES}\nsee logs", "failed", "ended FAILED: E: why"),
    ],
)
def test_a_slurm_task_that_ends_without_its_cell_is_recorded_with_its_state(state, said, status, reason, tmp_path):
    submitted = SimpleNamespace(state=state, exception=lambda: RuntimeError(said))
    task = slurm._Task(submitted, [Job(tmp_path, tmp_path)], lost=0)
    assert slurm._settle(None, task, slurm.SlurmOptions()) == []
    found = read_status(tmp_path)
    assert found["status"] == status and reason in found["reason"], found


def test_a_job_sent_to_a_ray_node_is_run_there_as_it_would_be_here(tmp_path):
    job = Job(
        tmp_path, tmp_path, device="cuda", timeout_seconds=5, memory_gb=2, processes=3, deterministic=True,
        checkpoint_seconds=7,
    )  # fmt: skip
    run = _Run(RAY, RayOptions(), lambda finished, running: None)
    there = sent_job(tmp_path, json.loads(json.dumps(run._settings(job))))
    assert there.arguments()[1:] == [*job.arguments()[1:2], str(tmp_path / "references"), *job.arguments()[3:]]
    assert (there.timeout_seconds, there.memory_gb) == (5, 2)


def test_a_cell_that_another_run_has_ended_is_not_sent_to_ray_again(tmp_path):
    write_status(tmp_path, "ok", hardware="of the other run")
    finished = []
    run = _Run(RAY, RayOptions(), lambda now, running: finished.extend(now))
    run.run([Job(tmp_path, tmp_path / "references")])
    assert finished and read_status(tmp_path)["hardware"] == "of the other run"


@pytest.mark.parametrize(("name", "module"), [("ray", "ray"), ("slurm", "submitit")])
def test_an_executor_that_is_not_installed_says_the_pip_line(name, module, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == module else NotImplemented)
    with pytest.raises(UserError, match=rf"pip install 'graftbench\[{name}\]'"):
        choose_executor(name, store=tmp_path, **CHOICE)


def test_the_staged_package_runs_without_the_checkout(tmp_path):
    staged = stage(tmp_path)
    assert staged == stage(tmp_path), "once for each state of the source"
    probe = (
        f"import sys; sys.meta_path[:] = [f for f in sys.meta_path if getattr(f, '__name__', None) in {KEPT}]; "
        f"sys.path.insert(0, {str(staged)!r}); import graftbench.bench.worker as w; "
        "from graftbench.bench.registries import strategies; print(w.__file__, len(strategies.names()))"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=tmp_path, check=True)
    file, count = result.stdout.split()
    assert file.startswith(str(staged)) and int(count) == len(strategies.names())


@pytest.fixture
def closed_port():
    """A port of this machine that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it meanwhile
        yield taken.getsockname()[1]


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_ray_cluster_that_does_not_answer_is_one_line_at_once(scheme, closed_port, graftbench, matrix_file):
    started = time.monotonic()
    run = graftbench("run", matrix_file(), "--executor", "ray", "--address", f"{scheme}127.0.0.1:{closed_port}")
    assert run.returncode == 2 and run.stderr.count("\n") == 1
    assert f"no Ray cluster answers at 127.0.0.1 port {closed_port}" in run.stderr
    assert time.monotonic() - started < 60, "Ray itself waits for 100 s and more; this takes 3 s on an idle machine"


def test_an_address_that_is_none_says_its_forms(tmp_path):
    for address in ("somewhere", "host:", ":6379", "host:99999", "ray://host"):
        with pytest.raises(UserError, match="give HOST:PORT, ray://HOST:PORT or auto"):
            choose_executor("ray", store=tmp_path, **{**CHOICE, "address": address})


def test_auto_says_that_no_cluster_is_here_also_where_a_dead_one_is_still_noted(closed_port, monkeypatch, tmp_path):
    services = pytest.importorskip("ray._private.services")
    monkeypatch.setattr(services, "find_gcs_addresses", set)  # clusters of other tests on this machine
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(UserError, match="auto: no Ray cluster runs on this machine"):
        choose_executor("ray", store=tmp_path, **{**CHOICE, "address": "auto"})
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray/ray_current_cluster").write_text(f"127.0.0.1:{closed_port}")
    with pytest.raises(UserError, match=r"last started on this machine, at .* does not answer"):
        choose_executor("ray", store=tmp_path, **{**CHOICE, "address": "auto"})


def test_a_cluster_that_answers_is_handed_to_ray_as_given(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for each in (address, f"ray://{address}"):
            assert choose_executor("ray", store=tmp_path, **{**CHOICE, "address": each}).keywords["address"] == each
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert choose_executor("ray", store=tmp_path, **CHOICE).keywords["address"] == address


@pytest.mark.parametrize(
    ("device", "there", "num_gpus", "asked"),
    [
        ("auto", 0, None, 0),
        ("auto", 8, None, 2),
        ("cuda", 8, None, 2),
        ("cpu", 8, None, 0),
        ("auto", 8, 0.5, 0.5),
    ],
)
def test_a_cell_asks_a_ray_cluster_for_the_gpus_that_its_device_means(tmp_path, device, there, num_gpus, asked):
    pytest.importorskip("ray", reason="the executor ray is not installed")
    job = Job(tmp_path, tmp_path, device=device, processes=2)
    assert gpus_asked(job, RayOptions(num_gpus=num_gpus), there) == asked
