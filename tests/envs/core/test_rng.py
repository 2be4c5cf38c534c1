import numpy as np
from budgetgym.envs.core import rng
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest


def test_splitmix64_reference_stream():
    # First outputs of the authors' C code for the seeds 0 and 1234567.
    counter = np.zeros(1, np.uint64)
    assert [hex(rng.next_uint64(counter, 0)) for _ in range(2)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4"]
    counter[0] = 1234567
    assert [rng.next_uint64(counter, 0) for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_uniform_and_normal_have_their_laws():
    counter = np.array([7], np.uint64)
    assert kstest([rng.uniform(counter, 0) for _ in range(20_000)], "uniform").pvalue > 1e-3
    assert kstest([rng.normal(counter, 0) for _ in range(20_000)], "norm").pvalue > 1e-3
    draws = [rng.integer(counter, 0, 5) for _ in range(20_000)]
    assert set(draws) == set(range(5))
    assert chisquare(np.bincount(draws)).pvalue > 1e-3


def test_lanes_are_independent_of_each_other():
    together, alone = np.array([3, 9], np.uint64), np.array([9], np.uint64)
    for _ in range(3):
        rng.uniform(together, 0)
    assert rng.uniform(together, 1) == rng.uniform(alone, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda p: sum(p) > 1e-6))
def test_alias_table_holds_exactly_its_pmf(weights):
    pmf = np.array(weights) / sum(weights)
    threshold, alias = rng.alias_table(pmf).T
    mass = threshold.copy()
    np.add.at(mass, alias.astype(int), 1 - threshold)
    assert np.allclose(mass / len(pmf), pmf, atol=1e-12)


def test_alias_draws_follow_the_pmf():
    pmf = np.array([0.5, 0.0, 0.2, 0.3])
    table = rng.alias_table(pmf)
    counter = np.array([1], np.uint64)
    counts = np.bincount([rng.from_alias(counter, 0, table) for _ in range(20_000)], minlength=4)
    assert counts[1] == 0
    assert chisquare(counts[pmf > 0], 20_000 * pmf[pmf > 0]).pvalue > 1e-3
