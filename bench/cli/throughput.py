"""``graftbench throughput``, ``evaluation-speed`` and ``clock-check``: how fast things are, and is the clock right."""

import os
from pathlib import Path
from typing import Annotated

import typer

from . import app
from .asked import Plugins, console, here


@app.command()
def throughput(
    strategy: Annotated[list[str], typer.Option(help="this strategy (repeatable); all that train if left out")] = [],
    backbone: Annotated[list[str], typer.Option(help="NAME@RESOLUTION (repeatable)")] = ["dcgan@32"],
    width: Annotated[
        int | None, typer.Option(min=1, max=4096, help="channels; the backbone's default if left out")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=65_536)] = 64,
    rounds: Annotated[int, typer.Option(min=1, help="timed rounds of 16 steps in each turn")] = 5,
    turns: Annotated[
        int, typer.Option(min=1, help="all strategies one after the other, so many times; the median counts")
    ] = 3,
    threads: Annotated[int, typer.Option(min=1, help="pinned; all cores if left out")] = os.cpu_count() or 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, tf32 or bfloat16")] = "float32",
    compile: Annotated[bool, typer.Option(help="run the networks through torch.compile")] = False,
    out: Annotated[
        Path,
        typer.Option(
            parser=here, help="folder of the stored results; STORE/throughput to have them in that store's report"
        ),
    ] = Path("runs/throughput"),
    allow_busy: Annotated[bool, typer.Option(help="measure on a busy machine, and flag the result")] = False,
    plugin: Plugins = [],
):
    """Measure training and sampling speed, memory and operations of each strategy, exclusively.

    Results are kept by pytest-benchmark: `pytest-benchmark --storage=OUT compare`.

    With `--out STORE/throughput`, and the batch, width, precision, compilation
    and threads of the store's cells, the store's report gives seconds as kimg
    times these seconds/kimg.
    """
    from rich.table import Table

    from ..backbones import make_backbone
    from ..devices import choose_device
    from ..errors import UserError
    from ..plugins import load_plugins
    from ..registries import strategies
    from ..throughput.session import read_results, run_suite
    from ..throughput.workload import Workload

    load_plugins(plugin)
    for name in strategy:
        if not strategies.get(name).trains:
            raise UserError(f"--strategy {name} does not train, so it has no speed of training")
    for place in backbone:
        make_backbone(*_named(place), width)
    if precision not in ("float32", "tf32", "bfloat16"):
        raise UserError(f"--precision is float32, tf32 or bfloat16, not {precision!r}")
    where = str(choose_device(device))
    files = tuple(str(path.resolve()) for path in plugin)
    workload = Workload(
        "finetune", width=width, batch=batch, device=where, precision=precision, compile=compile, plugins=files
    )
    path = run_suite(out, workload.to_json(), strategy, backbone, rounds, turns, threads, allow_busy)
    results = read_results(path).sort_values("seconds_per_kimg")
    for (name, resolution), group in results.groupby(["backbone", "resolution"]):
        table = Table(title=f"{name}@{resolution}", title_justify="left", box=None, pad_edge=False)
        table.add_column("strategy", no_wrap=True)
        for column in ("train\nimg/s", "range\n%", "sample\nimg/s", "s/kimg", "MB", "GFLOP\n/img", "M trained\nof all"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in group.to_dict("records"):
            table.add_row(
                row["strategy"],
                f"{row['training_images_per_second']:.0f}",
                f"{100 * row['training_range']:.0f}" if turns > 1 else "–",
                f"{row['sampling_images_per_second']:.0f}",
                f"{row['seconds_per_kimg']:.2f}",
                f"{row['peak_memory_mb']:.0f}",
                f"{row['training_flops_per_image'] / 1e9:.4g}",
                f"{row['trainable_parameters'] / 1e6:.2f}/{row['parameters'] / 1e6:.2f}",
            )
        console().print(table)
    first = results.iloc[0]
    flag = "; MEASURED ON A BUSY MACHINE" if first["busy"] else ""
    print(
        f"{first['hardware']}, {first['threads']} threads, {first['precision']}"
        f"{', compiled' if first['compile'] else ''}, batch {first['batch']}, "
        f"torch {first['torch']}; load per core before {first['load_before']}{flag}"
    )
    print(f"stored: {path}")


@app.command("evaluation-speed")
def evaluation_speed(
    fakes: Annotated[int, typer.Option(min=100)] = 500,
    reals: Annotated[int, typer.Option(min=100, max=2500, help="as many again serve as validation")] = 1000,
    threads: Annotated[int, typer.Option(min=1, help="one is timed by the processor, more by the wall clock")] = 1,
):
    """Compare the speed of an evaluation with torch-fidelity's, in turns in one process.

    The fakes are drawn from the source GAN of the `cpu` matrix.
    """
    from ..pinning import restart_pinned

    restart_pinned(threads)
    from ...datasets import open_domain
    from ..export import Model
    from ..matrix_file import load_matrix
    from ..planning import source_spec
    from ..source import SHIPPED, load_source
    from ..throughput.evaluation_speed import Comparison, compare_extraction, compare_fid, compare_point

    matrix = load_matrix("cpu")
    spec = source_spec(matrix, matrix.source_of(matrix.targets[0]), "gan")
    generate = Model({}, load_source(SHIPPED / spec.name).make_generator().eval()).sample
    images = open_domain("toycats").images("reference", 32, list(range(2 * reals)))

    def show(found: Comparison) -> None:
        print(f"{found.ratio:6.1f}x  {found.ours:7.3f} s, theirs {found.theirs:7.3f} s: {found.task}", flush=True)

    for count in (10, 100, 500, 1000, 3000):
        show(compare_fid(fakes, count, threads=threads))
    show(compare_extraction(images[:fakes], threads=threads))
    for form in (True, False):
        show(compare_point(generate, images, fakes=fakes, timm_form=form, threads=threads))


@app.command("clock-check")
def clock_check(
    backbone: Annotated[str, typer.Option(help="NAME@RESOLUTION")] = "dcgan@32",
    width: Annotated[
        int | None, typer.Option(min=1, max=4096, help="channels; the backbone's default if left out")
    ] = None,
    kimg: Annotated[float, typer.Option(min=0.01, help="of each training")] = 8,
    batch: Annotated[int, typer.Option(min=1)] = 16,
    evaluations: Annotated[int, typer.Option(min=1, help="how many are watched")] = 40,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
):
    """Check that ten times more evaluations change the reported training seconds by less than 2 %.

    Watches what the clock counts more for the steps after an evaluation than
    for those that follow, and says what 20 evaluations instead of 2 would add
    to a training. Wants a quiet machine. Exit code 1 if it is more.
    """
    from ..pinning import restart_pinned

    restart_pinned(threads)
    from statistics import quantiles

    from ..devices import choose_device
    from ..throughput.clock_check import FEW, MANY, evaluation_trace, training_cell
    from ..throughput.session import BUSY_SHARE, load

    if load() > BUSY_SHARE:
        print(f"the machine is busy (load {load():.2f} per core): what is found will scatter")
    cell = training_cell(*_named(backbone), width, kimg, batch)
    trace = evaluation_trace(cell, evaluations, threads, choose_device(device))
    low, _, high = quantiles(trace.added, n=4) if evaluations > 1 else [trace.seconds] * 3
    print(
        f"an evaluation adds {1000 * trace.seconds:.1f} ms to the training clock (median of {evaluations}, quartiles "
        f"{1000 * low:.1f} and {1000 * high:.1f}), a step takes {1000 * trace.step_seconds:.1f} ms"
    )
    print(
        f"{MANY} evaluations instead of {FEW} change the {trace.steps * trace.step_seconds:.1f} s of {trace.steps} "
        f"steps by {100 * trace.change:+.2f} %; less than 2 % is asked"
    )
    if abs(trace.change) >= 0.02:
        raise typer.Exit(1)


def _named(place: str) -> tuple[str, int]:
    """Name and resolution of ``dcgan@32``."""
    from ..errors import UserError

    name, _, resolution = place.partition("@")
    if not resolution.isdecimal():
        raise UserError(f"--backbone is NAME@RESOLUTION, such as dcgan@32, not {place!r}")
    return name, int(resolution)
