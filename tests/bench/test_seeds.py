"""Seeds depend on their axis and names, and on nothing else."""

from graftbench.bench.seeds import seed_for


def test_a_seed_is_the_same_on_every_machine():
    assert seed_for("shots", "toycats", 10, 0) == 3601365907576626676


def test_axes_and_names_do_not_collide():
    seeds = {
        seed_for("a", "b", 1),
        seed_for("a", "b1"),
        seed_for("ab", 1),
        seed_for("a", "b", 2),
        seed_for("a", "b", "1"),
    }
    assert len(seeds) == 5


def test_a_seed_fits_torch():
    assert all(0 <= seed_for("x", i) < 2**63 for i in range(100))
