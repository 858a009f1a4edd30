"""Cells as processes: limits, ways to end, GPUs. The workers are small scripts, so that only the executor is tested."""

import os
import subprocess
import sys
import time

import pytest
from graftbench.bench.errors import UserError
from graftbench.bench.executors.gpus import Room
from graftbench.bench.executors.job import Job
from graftbench.bench.executors.local import run_local
from graftbench.bench.executors.process import LAUNCHER, start, wait
from graftbench.bench.store import read_status, write_status
from graftbench.bench.worker import BUSY, CHANGED, DISK, INTERRUPTED

OK = """echo '{"status": "ok", "reason": ""}' > status.json"""


@pytest.fixture(params=["forked", "started afresh"])
def make_job(tmp_path, monkeypatch, request):
    """A job whose worker runs the shell ``script`` in the cell's folder."""
    (tmp_path / "scripts.py").write_text(
        "import os, sys\nos.chdir(sys.argv[1])\nos.execv('/bin/bash', ['bash', './script', *sys.argv[1:]])\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("graftbench.bench.executors.process.WORKER", "scripts")
    monkeypatch.setattr("graftbench.bench.executors.process.LIBRARIES", ())
    monkeypatch.setattr("graftbench.bench.executors.local.FORKS", request.param == "forked")

    def make(script: str, name: str = "cell", **settings) -> Job:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "script").write_text(script)
        return Job(folder, tmp_path / "references", **settings)

    return make


def run(*jobs: Job, slots: int = 1, **settings) -> list[dict]:
    run_local(list(jobs), lambda finished, running: None, slots, **settings)
    return [read_status(job.folder) for job in jobs]


@pytest.mark.parametrize(
    ("script", "status", "reason"),
    [
        ("exit 3", "failed", "exited with code 3"),
        ("kill -9 $$", "killed", "killed by SIGKILL (the system does so when memory runs out)"),
        ("kill -SEGV $$", "killed", "killed by SIGSEGV"),
        (f"exit {INTERRUPTED}", "killed", "its checkpoint is kept"),
    ],
)
def test_a_worker_that_leaves_without_a_word_gets_a_status_with_a_reason(make_job, script, status, reason):
    (ended,) = run(make_job(script))
    assert ended["status"] == status and reason in ended["reason"]


def test_what_the_worker_says_of_itself_is_kept(make_job):
    (ended,) = run(make_job("""echo '{"status": "diverged", "reason": "why"}' > status.json; exit 1"""))
    assert (ended["status"], ended["reason"]) == ("diverged", "why")


def test_a_worker_over_its_time_is_stopped_with_all_it_started_even_if_the_clock_is_set_back(make_job, monkeypatch):
    now = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    job = make_job("sleep 1000 & echo $! > child; wait", timeout_seconds=0.5)
    (ended,) = run(job)
    assert (ended["status"], ended["reason"]) == ("timeout", "stopped after 0 s")
    child = int((job.folder / "child").read_text())
    with pytest.raises(ProcessLookupError):
        for _ in range(50):  # the system takes a moment to bury it
            os.kill(child, 0)
            time.sleep(0.1)


def test_a_cell_on_a_machine_without_the_device_says_so(tmp_path):
    command = [sys.executable, "-m", "graftbench.bench.worker", str(tmp_path), "--references", str(tmp_path)]
    assert subprocess.run([*command, "--device", "cuda:99"], check=False, stdout=subprocess.DEVNULL).returncode == 1
    ended = read_status(tmp_path)
    assert ended["status"] == "failed" and "--device cuda" in ended["reason"]


@pytest.mark.parametrize("end", [OK, "exit 3"])
def test_what_a_worker_leaves_running_ends_with_it(make_job, end):
    job = make_job(f"sleep 1000 & echo $! > child; {end}")
    run(job)
    child = int((job.folder / "child").read_text())
    with pytest.raises(ProcessLookupError):
        for _ in range(50):  # the system takes a moment to bury it
            os.kill(child, 0)
            time.sleep(0.1)


def test_a_worker_whose_time_ends_when_it_has_finished_keeps_its_result(make_job):
    (ended,) = run(make_job(OK + "; sleep 1000", timeout_seconds=1))
    assert ended["status"] == "ok"


def test_a_worker_over_its_memory_is_stopped(make_job):
    hoard = "exec python3 -c 'import time; x = bytearray(300_000_000); time.sleep(100)'"
    (ended,) = run(make_job(hoard, memory_gb=0.2))
    assert ended["status"] == "out-of-memory" and "the limit is 0.2 GB" in ended["reason"]


def test_without_a_limit_a_worker_is_given_its_share_of_the_machine(make_job):
    job = make_job('echo "$@" > arguments; ' + OK)
    run(job, slots=2)
    limit = float((job.folder / "arguments").read_text().split("--memory-gb ")[1])
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    assert 0.4 * total < limit < 0.5 * total


def test_one_dead_cell_costs_no_other(make_job):
    jobs = [make_job("kill -9 $$" if i == 1 else OK, str(i)) for i in range(4)]
    assert [ended["status"] for ended in run(*jobs, slots=2)] == ["ok", "killed", "ok", "ok"]


def test_a_cell_that_another_run_works_on_is_left_to_it(make_job, monkeypatch):
    monkeypatch.setattr("graftbench.bench.executors.local.BUSY_SECONDS", 0.3)
    job = make_job(f"echo >> starts; exit {BUSY}")

    def end_it(finished, running):  # as the other run does, some time after the worker has found it at work
        if not (finished or running):
            write_status(job.folder, "ok")

    run_local([job], end_it, 1)
    assert read_status(job.folder)["status"] == "ok"
    assert (job.folder / "starts").read_text() == "\n", "not started again once the other run has ended it"


def test_a_cell_of_other_code_stays_missing_is_not_tried_again_and_costs_no_other(make_job):
    job, other = make_job(f"echo >> starts; exit {CHANGED}"), make_job(OK, "other")
    assert [ended["status"] for ended in run(job, other)] == ["missing", "ok"]
    assert (job.folder / "starts").read_text() == "\n"


def test_on_a_cluster_a_cell_of_other_code_is_told_to_the_run(make_job):
    with pytest.raises(UserError, match="the code or the images have changed"):
        wait(start(make_job(f"exit {CHANGED}"), 1, 1.0))


def test_a_worker_is_no_process_of_the_job_that_the_run_is_part_of(make_job, monkeypatch):
    for name in LAUNCHER:
        monkeypatch.setenv(name, "1")
    job = make_job("env > environment; " + OK)
    run(job)
    names = {line.partition("=")[0] for line in (job.folder / "environment").read_text().splitlines()}
    assert "PATH" in names and not names & {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}


def test_a_full_disk_ends_the_run_and_blames_no_cell(make_job):
    other = make_job("trap 'touch asked; exit' TERM; touch listening; sleep 60 & wait", "other")
    job = make_job(f"until [ -e {other.folder}/listening ]; do sleep 0.01; done; exit {DISK}", "full")
    with pytest.raises(UserError, match="cannot be written"):
        run(other, job, slots=2)
    assert read_status(job.folder)["status"] == read_status(other.folder)["status"] == "missing"
    assert (other.folder / "asked").exists(), "its checkpoint is asked for"


def test_ctrl_c_asks_for_checkpoints_and_a_second_one_ends_at_once(make_job):
    obedient = make_job("trap 'touch asked; exit' TERM; touch listening; sleep 60 & wait", "obedient")
    stubborn = make_job("trap '' TERM; echo $$ > pid; while :; do sleep 1; done", "stubborn")
    started = time.monotonic()
    pressing = []

    def press(finished, running):
        if not pressing and (stubborn.folder / "pid").exists() and (obedient.folder / "listening").exists():
            twice = f"sleep 0.5; kill -INT {os.getpid()}; sleep 1; kill -INT {os.getpid()}"
            pressing.append(subprocess.Popen(["bash", "-c", twice]))

    with pytest.raises(KeyboardInterrupt):
        run_local([obedient, stubborn], press, 2)
    assert pressing[0].wait() == 0, "it took the second one"
    assert time.monotonic() - started < 15
    assert (obedient.folder / "asked").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((stubborn.folder / "pid").read_text()), 0)
    assert read_status(obedient.folder)["status"] == read_status(stubborn.folder)["status"] == "missing"


SHOW_GPU = "echo $CUDA_VISIBLE_DEVICES > gpu; sleep 0.5; " + OK


def test_cells_are_spread_over_the_gpus_and_each_sees_one(make_job):
    jobs = [make_job(SHOW_GPU, str(i)) for i in range(4)]
    run(*jobs, slots=4, gpus=["3", "GPU-8a"])
    assert sorted((job.folder / "gpu").read_text().strip() for job in jobs) == ["3", "3", "GPU-8a", "GPU-8a"]


def test_a_gpu_without_room_gets_its_next_cell_when_the_last_has_ended(make_job):
    jobs = [make_job(SHOW_GPU, str(i)) for i in range(3)]
    most = []
    run_local(
        jobs, lambda finished, running: most.append(len(running)), 3, gpus=["0"], has_room=lambda gpu, company: False
    )
    assert max(most) == 1 and all(read_status(job.folder)["status"] == "ok" for job in jobs)


def test_a_gpu_has_room_if_its_cells_have_trained_and_as_much_as_each_takes_is_free(tmp_path):
    job = Job(tmp_path, tmp_path)
    assert not Room(lambda gpu: (10, 100))("0", [job]), "it has not shown yet what it takes"
    (tmp_path / "curve.jsonl").write_text("{}\n{}\n")
    assert Room(lambda gpu: (10, 100))("0", [job])
    assert not Room(lambda gpu: (50, 100))("0", [job]), "a fifth is kept as a margin"
    assert Room(lambda gpu: (50, 100))("0", [job, job])
    room = Room(lambda gpu: (10, 100))
    assert room("0", [job]) and not room("0", [job]), "one newcomer, then look again"


def test_a_status_that_is_none_is_refused(tmp_path):
    with pytest.raises(AssertionError):
        write_status(tmp_path, "fine")
