"""Training and sampling speed of each strategy on each backbone, one at a time and all of them several times over.

A machine's speed drifts within minutes; strategies that are measured in turns share the drift.
"""

from graftbench.bench.throughput.memory import measure_peak_memory
from graftbench.bench.throughput.workload import ROUND, SAMPLES, counted, sample


def test_training(benchmark, turn, workload, rounds):
    training = workload.training(ROUND * (rounds + 1))

    def steps():
        training.advance(training.step + ROUND)

    benchmark.pedantic(steps, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info |= {
        **workload.facts(),
        "phase": "training",
        "images_per_second": ROUND * workload.batch / benchmark.stats.stats.median,
    }
    if turn == 0:  # what no turn changes
        benchmark.extra_info |= {"peak_memory_mb": measure_peak_memory(workload), **counted(workload)}


def test_sampling(benchmark, turn, workload, rounds):
    training = workload.training(ROUND)
    benchmark.pedantic(lambda: sample(training), rounds=rounds, warmup_rounds=1)
    benchmark.extra_info |= {
        **workload.facts(),
        "phase": "sampling",
        "images_per_second": SAMPLES / benchmark.stats.stats.median,
    }
