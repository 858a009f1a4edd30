"""The process whose forks begin with libraries imported."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from graftbench.bench.executors.fork_server import Forked, ForkServer


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Fork a module with the given source: ``run("print(1)")``; its output lies in the file ``said``."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = ForkServer(["colorsys"], os.environ)

    def start(source: str, *arguments: str, **environment: str):
        (tmp_path / "module.py").write_text(source)
        return server.start(
            "module", arguments, {**os.environ, **environment}, tmp_path / "said", tmp_path / "errors", tmp_path
        )

    start.server = server
    yield start
    server.close()


def running(run, folder: Path) -> Forked:
    """A fork that is in its module."""
    fork = run("import time; print('here'); time.sleep(60)")
    while not (folder / "said").exists() or "here" not in (folder / "said").read_text():
        time.sleep(0.01)
    return fork


def ends(pid: int) -> bool:
    """Whether the process is gone soon."""
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('enough')", 1, "enough"),
        ("import sys; sys.exit(2**40 + 5)", None, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os; os.abort()", -signal.SIGABRT, ""),
    ],
)
def test_each_end_has_the_exit_code_and_the_words_of_a_process_of_its_own(run, tmp_path, source, code, said):
    forked = run(source).wait()
    assert forked == code if code is not None else 0 <= forked <= 255, "no room for more in a process"
    assert said in (tmp_path / "errors").read_text()
    fresh = subprocess.run([sys.executable, "-m", "module"], cwd=tmp_path, check=False, capture_output=True)
    assert code in (fresh.returncode, None)


def test_it_sees_its_arguments_environment_and_folder_and_has_the_libraries_but_no_code_of_ours(run, tmp_path):
    source = (
        "import os, sys; print(sys.argv[1:], os.environ['A'], 'B' in os.environ, os.getcwd());"
        "print('colorsys' in sys.modules);"
        "print(*sorted(name for name in sys.modules if name.startswith('graftbench.')))"
    )
    assert run("import os; os.environ['B'] = '1'").wait() == 0, "what one fork does stays with it"
    assert run(source, "x", "y z", A="ä").wait() == 0
    told, imported, ours = (tmp_path / "said").read_text().splitlines()
    assert told == f"['x', 'y z'] ä False {tmp_path}" and imported == "True"
    assert ours == "graftbench.bench graftbench.bench.executors graftbench.bench.parent"


CLOSED = """
import os, sys
from pathlib import Path
from graftbench.bench.executors.fork_server import ForkServer
server = ForkServer([], os.environ)
fork = server.start("module", [], os.environ, Path("said"), folder=Path.cwd())
code = fork.wait()
server.close()
sys.exit(code)
"""


def test_a_fork_has_its_own_output_where_that_of_the_run_is_closed(tmp_path):
    (tmp_path / "module.py").write_text("import faulthandler, sys; faulthandler.enable(); sys.stderr.write('heard')")
    (tmp_path / "run.py").write_text(CLOSED)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = f"exec {sys.executable} run.py <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, check=False).returncode == 0
    assert (tmp_path / "said").read_text() == "heard"


def test_a_file_that_is_edited_between_two_forks_is_the_new_one_in_the_second(run, tmp_path):
    for number in range(2):
        (tmp_path / "part.py").write_text("#" * number + f"\nNUMBER = {number}")  # Python looks at dates and sizes
        assert run("import part; print(part.NUMBER)").wait() == 0
    assert (tmp_path / "said").read_text() == "0\n1\n"


def test_signals_reach_the_fork_and_the_server_goes_on(run, tmp_path):
    fork = running(run, tmp_path)
    assert not run.server.is_free()
    fork.send_signal(signal.SIGTERM)
    assert fork.wait() == -signal.SIGTERM
    next_one = run("import sys; sys.exit(3)")
    time.sleep(0.5)
    assert fork.poll() == -signal.SIGTERM and next_one.wait() == 3, "each hears of itself"
    assert run.server.is_free() and fork.pid != next_one.pid


def test_a_fork_ends_with_its_server_whose_end_is_told(run, tmp_path):
    fork = running(run, tmp_path)
    pid = fork.pid
    os.kill(run.server.pid, signal.SIGKILL)
    assert fork.wait() == -signal.SIGKILL
    assert ends(pid) and not run.server.is_free()


HOLDER = """
import os, sys, time
from pathlib import Path
from graftbench.bench.executors.fork_server import ForkServer
server = ForkServer([], os.environ)
fork = server.start("timeit", ["-n1", "-r1", "import time; time.sleep(60)"], os.environ, Path("said"))
while fork.pid == server.pid:
    time.sleep(0.01)
print(server.pid, fork.pid, flush=True)
time.sleep(60)
"""


def test_both_end_with_the_process_that_started_the_server(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, cwd=tmp_path) as holder:
        assert holder.stdout is not None
        pids = [int(pid) for pid in holder.stdout.readline().split()]
        holder.kill()
    assert len(pids) == 2 and all(map(ends, pids))


def test_closing_it_ends_what_runs(run, tmp_path):
    fork = running(run, tmp_path)
    pid = fork.pid
    run.server.close()
    assert ends(pid) and fork.poll() is not None


def test_what_is_to_be_done_at_exit_is_done(run, tmp_path):
    assert run(f"import atexit, pathlib; atexit.register(pathlib.Path({str(tmp_path / 'done')!r}).touch)").wait() == 0
    assert (tmp_path / "done").exists()
