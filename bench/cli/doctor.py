"""``graftbench doctor``: what this machine can do."""

from . import app


@app.command()
def doctor():
    """Show versions, device, caches, and which feature extractors are usable (and what the others lack)."""
    import importlib.metadata
    import os

    import torch

    from ..devices import choose_device, cpu_name
    from ..environment import commit
    from ..files import cache_root
    from ..metrics.lpips import lpips_obstacle
    from ..metrics.usable import obstacles

    print(f"device      {choose_device('auto')}: {cpu_name()}, {torch.get_num_threads()} threads")
    for index in range(torch.cuda.device_count()):
        print(f"            cuda:{index}: {torch.cuda.get_device_name(index)}")
    print(f"load        {os.getloadavg()[0]:.2f} (throughput is measured on an idle machine)")
    packages = ("graftbench", "torch", "torchvision", "torch-fidelity", "timm", "numpy", "pandas", "pytest-benchmark")
    for name in packages:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed as a package"
        print(f"{name:<17} {version}")
    if found := commit()["commit"]:
        print(f"commit      {found}")
    print(f"cache       {cache_root()}")
    print("feature extractors")
    for name, obstacle in obstacles().items():
        print(f"  {name:<23} {obstacle or 'usable'}")
    print(f"intra-cluster LPIPS       {lpips_obstacle() or 'measured beside the cosine distance'}")
