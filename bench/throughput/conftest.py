"""Options and machine information of the pytest-benchmark suite in this folder (``graftbench throughput`` runs it)."""

import os
from dataclasses import replace

import pytest
import torch
from graftbench.bench.devices import describe
from graftbench.bench.numerics import numerical_settings
from graftbench.bench.registries import strategies
from graftbench.bench.throughput.workload import Workload


def pytest_addoption(parser):
    group = parser.getgroup("graftbench throughput")
    group.addoption("--workload", default=Workload("finetune").to_json(), help="JSON; its strategy is replaced")
    group.addoption("--strategies", default="", help="comma-separated; all that train if left out")
    group.addoption("--backbones", default="", help="comma-separated NAME@RESOLUTION; the workload's if left out")
    group.addoption("--rounds", type=int, default=5, help="timed rounds of 16 steps in each turn")
    group.addoption("--turns", type=int, default=3, help="how many times all are measured, one after the other")


def pytest_generate_tests(metafunc):
    option = metafunc.config.getoption
    base = Workload.from_json(option("--workload"))
    names = option("--strategies").split(",") if option("--strategies") else strategies.names()
    places = [place.split("@") for place in option("--backbones").split(",") if place]
    bases = [replace(base, backbone=name, resolution=int(px)) for name, px in places] or [base]
    workloads = [replace(each, strategy=name) for each in bases for name in names if strategies.get(name).trains]
    metafunc.parametrize("turn", range(option("--turns")), ids="turn{}".format)  # the outer loop
    metafunc.parametrize("workload", workloads, ids=lambda workload: workload.name)


@pytest.fixture(autouse=True)
def settings_of_a_cell(workload):
    """torch's switches as a cell of this precision has them."""
    with numerical_settings(workload.precision):
        yield


@pytest.fixture
def rounds(request):
    return request.config.getoption("--rounds")


def pytest_benchmark_update_machine_info(config, machine_info):
    workload = Workload.from_json(config.getoption("--workload"))
    machine_info |= describe(torch.device(workload.device))
    machine_info |= {
        "precision": workload.precision,
        "load_before": os.environ.get("GRAFTBENCH_LOAD_BEFORE", ""),
        "load_after": os.getloadavg()[0],
        "busy": os.environ.get("GRAFTBENCH_BUSY", "") == "yes",
    }
