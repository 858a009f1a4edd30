"""Training and sampling speed of each strategy on each backbone, one at a time."""

from graftbench.bench.throughput.memory import measure_peak_memory
from graftbench.bench.throughput.workload import ROUND, SAMPLES, counted, sample


def test_training(benchmark, workload, rounds):
    training = workload.training(ROUND * (rounds + 1))

    def steps():
        training.advance(training.step + ROUND)

    benchmark.pedantic(steps, rounds=rounds, warmup_rounds=1)
    per_image = benchmark.stats.stats.median / (ROUND * workload.batch)
    benchmark.extra_info |= {
        **workload.facts(),
        "phase": "training",
        "images_per_second": 1 / per_image,
        "seconds_per_kimg": 1000 * per_image,
        "peak_memory_mb": measure_peak_memory(workload),
        **counted(workload),
    }


def test_sampling(benchmark, workload, rounds):
    training = workload.training(ROUND)
    benchmark.pedantic(lambda: sample(training), rounds=rounds, warmup_rounds=1)
    benchmark.extra_info |= {
        **workload.facts(),
        "phase": "sampling",
        "images_per_second": SAMPLES / benchmark.stats.stats.median,
    }
