import csv
import json

import pytest
from budgetgym.envs.routing.agentic.meter import CostMeter, Prices, cached, uncached

# TwinRouterBench (arXiv:2605.18859), table A7: prompt tokens, output tokens and dollars of every step, all by Claude Opus.
GOLDEN = [
    (1321, 112, 0.0111),
    (1744, 71, 0.0051),
    (1846, 69, 0.0032),
    (2502, 67, 0.0067),
    (3287, 89, 0.0084),
    (4103, 256, 0.0131),
    (4512, 55, 0.0060),
    (4612, 168, 0.0071),
    (4921, 241, 0.0103),
    (5149, 85, 0.0060),
    (5591, 63, 0.0069),
    (5653, 56, 0.0046),
    (5864, 111, 0.0069),
]
OPUS = cached(5.0, 25.0, read=0.5, write=6.25)


def test_the_golden_case_step_by_step():
    meter = CostMeter({"opus": OPUS})
    for prompt, output, dollars in GOLDEN:
        assert meter.call("opus", prompt, output) == pytest.approx(dollars, abs=6e-5)
    assert meter.total == pytest.approx(0.0953, abs=5e-5)


def test_the_published_case_and_its_routed_column(shared_data):
    folder = shared_data / "routing" / "twinrouterbench"
    prices = {
        name: Prices(row["input_per_m"], row["output_per_m"], row["cache_read_per_m"], row["cache_write_per_m"])
        for name, row in json.loads((folder / "model_pricing.json").read_text())["pricing"].items()
    }
    model_of = json.loads((folder / "tier_to_model.json").read_text())["map"]
    high, routed = CostMeter(prices), CostMeter(prices)
    with (folder / "case_sympy_12096.csv").open() as file:
        for row in csv.DictReader(file):
            cost = high.call(model_of["high"], float(row["allhigh_in"]), float(row["allhigh_out"]))
            assert cost == pytest.approx(float(row["allhigh_cost_usd"]), abs=6e-5)
            routed.call(model_of[row["required_tier"]], float(row["routed_in"]), float(row["routed_out"]))
    assert high.total == pytest.approx(0.0953, abs=5e-5)
    # The paper bills $0.0576: its low calls at the end met a cold cache.
    assert routed.total == pytest.approx(0.0576, abs=0.0025)


def test_a_cache_forgets_after_five_minutes_and_belongs_to_one_model():
    meter = CostMeter({"a": cached(1.0, 0.0, read=0.1), "b": cached(1.0, 0.0, read=0.1)})
    assert meter.call("a", 1e6, 0, now=0) == pytest.approx(1.0)
    assert meter.call("a", 2e6, 0, now=300) == pytest.approx(1.1)
    assert meter.call("b", 2e6, 0, now=300) == pytest.approx(2.0)
    assert meter.call("a", 2e6, 0, now=601) == pytest.approx(2.0)
    assert meter.call("a", 1e6, 0, now=602) == pytest.approx(0.1)  # shorter than what is remembered


def test_the_four_buckets():
    meter = CostMeter({"a": Prices(input=1.0, output=10.0, read=0.1, write=2.0)})
    meter.call("a", 1e6, 0)
    # A million read, half a million written, another half million kept from the cache, a million of output.
    assert meter.call("a", 2e6, 1e6, uncached_tokens=5e5) == pytest.approx(0.1 + 1.0 + 0.5 + 10.0)


def test_without_a_cache_every_token_has_its_price():
    meter = CostMeter({"a": uncached(2.0, 8.0)})
    assert [meter.call("a", 1e6, 1e6) for _ in range(2)] == pytest.approx([10.0, 10.0])


def test_bad_calls_and_prices_are_refused():
    meter = CostMeter({"a": OPUS})
    with pytest.raises(ValueError, match="model is 'b'; expected one of a"):
        meter.call("b", 1, 1)
    with pytest.raises(ValueError, match="prompt_tokens is -1"):
        meter.call("a", -1, 1)
    with pytest.raises(ValueError, match="output_tokens is nan"):
        meter.call("a", 1, float("nan"))
    with pytest.raises(ValueError, match="uncached_tokens is 2; expected at most the prompt's 1"):
        meter.call("a", 1, 1, uncached_tokens=2)
    meter.call("a", 1, 1, now=5)
    with pytest.raises(ValueError, match="now is 4; expected a time not before 5"):
        meter.call("a", 1, 1, now=4)
    with pytest.raises(ValueError, match="cache_seconds is nan"):
        CostMeter({"a": OPUS}, cache_seconds=float("nan"))
    with pytest.raises(ValueError, match="prices of 'a': output is -1"):
        CostMeter({"a": Prices(1, -1, 1, 1)})
    for wrong in (None, "1", True):
        with pytest.raises(ValueError, match=f"prices of 'a': read is {wrong!r}; expected dollars per million tokens"):
            CostMeter({"a": cached(1, 1, read=wrong)})
        with pytest.raises(ValueError, match=f"prompt_tokens is {wrong!r}"):
            meter.call("a", wrong, 1, now=6)
        with pytest.raises(ValueError, match=f"now is {wrong!r}"):
            meter.call("a", 1, 1, now=wrong)
        with pytest.raises(ValueError, match=f"cache_seconds is {wrong!r}"):
            CostMeter({"a": OPUS}, cache_seconds=wrong)
    for wrong in (None, (1, 2), 3.0):
        with pytest.raises(ValueError, match=r"prices of 'a' is .*; expected Prices, as"):
            CostMeter({"a": wrong})
