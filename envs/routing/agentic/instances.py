"""The embedded instances: what is published, what is a placeholder, and what was solved for.

Published (facts with their sources in `Target`): success of always-small and always-large, and what else stands there.
Modelling choices, the same everywhere unless said otherwise: T, the number of subgoals, criticality q = .35, a spread of 1.5
(tau2-bench's intra-task correlations of .35 to .62 ask for about that), rates of silent failures and of recovery, tokens.
Solved by `fit_profile`: the skills for always-large, the gap for always-small, `give_up` where a trace length is known. The
solved numbers are in `_SOLVED`; a test solves them again. Intermediate tiers of `swe` are predictions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from ...hints import near
from .meter import Prices, cached, uncached
from .profile import Model, Profile, criticality


class Target(NamedTuple):
    """What an instance is fitted to."""

    small: float
    """Success of always-small."""
    large: float
    """Success of always-large."""
    source: str
    """Where they come from, and which of them is a placeholder."""
    large_calls: float | None = None
    """Mean calls of always-large."""


TARGETS = {
    "appworld": Target(
        0.45,
        0.667,
        "AppWorld with gpt-4.1-mini / gpt-4.1: always-large TGC 66.7 % in 18.75 calls (arXiv:2602.21227); always-small is a "
        "PLACEHOLDER. No dollars are published: tokens are placeholders.",
        large_calls=18.75,
    ),
    "alfworld": Target(
        0.854,
        0.943,
        "ALFWorld with Qwen3-4B in low / high precision (DMR, arXiv:2602.02711): 85.4 % / 94.3 %. Prices and tokens are "
        "PLACEHOLDERS: half the price for half the bits.",
    ),
    "webshop": Target(
        0.409,
        0.590,
        "WebShop with Qwen3-1.7B in low / high precision (DMR, arXiv:2602.02711): 40.9 % / 59.0 %. Prices and tokens are "
        "PLACEHOLDERS: half the price for half the bits.",
    ),
    "sciworld": Target(
        0.266,
        0.484,
        "ScienceWorld with GPT-OSS-120B / GPT-5 (MTRouter, arXiv:2604.23530): scores 26.6 / 48.4, read as success rates. "
        "Prices are list prices; tokens, and so the ratio of costs (28 in the paper: $0.5 / $13.9), are PLACEHOLDERS.",
    ),
    "tau2-retail": Target(
        0.614,
        0.740,
        "tau2-bench retail with gpt-4.1-mini / gpt-4.1: pass^1 61.4 % / 74.0 %. Tool tokens were chosen so that always-large "
        "costs the published $.0852 per task; always-small then costs $.019 where $.0268 is published.",
    ),
    "tau2-airline": Target(
        0.487,
        0.560,
        "tau2-bench airline with gpt-4.1-mini / gpt-4.1: pass^1 48.7 % / 56.0 %. Tokens as in tau2-retail.",
    ),
    "tau2-telecom": Target(
        0.489,
        0.340,
        "tau2-bench telecom with gpt-4.1-mini / gpt-4.1: pass^1 48.9 % / 34.0 %, the expensive model is the worse. Numbers of "
        "subgoals as the tasks' required actions; no tier is required, so there is no criticality, and each model has its "
        "own skill. Tokens as in tau2-retail.",
    ),
    "swe": Target(
        0.30,
        0.74,
        "SWE-bench with the four-tier pool of TwinRouterBench (arXiv:2605.18859): always-high solves 74 % at $.547 per case, "
        "required tiers 94/33/41/168 of 336 steps; always-low is a PLACEHOLDER. Tool tokens were chosen for the $.547.",
    ),
}

GPT_4_1 = cached(2.0, 8.0, read=0.5)
GPT_4_1_MINI = cached(0.4, 1.6, read=0.1)
GPT_5 = cached(1.25, 10.0, read=0.125)
GPT_OSS_120B = uncached(0.15, 0.6)
LOW_PRECISION, HIGH_PRECISION = uncached(0.05, 0.2), uncached(0.1, 0.4)

BELL = (1.0, 2.0, 2.0, 1.0)
TAU2 = {"first_prompt": 4500.0, "observation_tokens": 344.0}
TELECOM_WEIGHTS = (16.67, 14.04, 10.53, 10.53, 7.02, 7.02, 6.14, 4.39, 3.51, 1.75, 0.88)
SWE_REQUIRED = (94 / 336, 33 / 336, 41 / 336, 168 / 336)


def _pair(
    small: str, small_prices: Prices, large: str, large_prices: Prices, recovery: tuple[float, float] = (0.02, 0.08)
) -> tuple[Model, Model]:
    """Two models of yet unknown skill."""
    return (
        Model(small, 0.0, 0, small_prices, recovery=recovery[0], verify_accuracy=0.7),
        Model(large, 0.0, 1, large_prices, recovery=recovery[1], verify_accuracy=0.9),
    )


def _gpt_pair(recovery: tuple[float, float] = (0.02, 0.08)) -> tuple[Model, Model]:
    return _pair("gpt-4.1-mini", GPT_4_1_MINI, "gpt-4.1", GPT_4_1, recovery)


def _precisions(model: str) -> tuple[Model, Model]:
    return _pair(f"{model} low precision", LOW_PRECISION, f"{model} high precision", HIGH_PRECISION)


def _twin_router_pool() -> tuple[Model, ...]:
    prices = {
        "deepseek-v3.2": cached(0.252, 0.378, read=0.0252),
        "minimax-m2.7": cached(0.3, 1.2, read=0.059),
        "gemini-3-flash": cached(0.5, 3.0, read=0.05, write=0.0833),
        "claude-opus-4.6": cached(5.0, 25.0, read=0.5, write=6.25),
    }
    recovery, accuracy = (0.02, 0.04, 0.06, 0.08), (0.7, 0.75, 0.8, 0.9)
    return tuple(
        Model(name, 0.0, tier, price, output_tokens=110.0, recovery=recovery[tier], verify_accuracy=accuracy[tier])
        for tier, (name, price) in enumerate(prices.items())
    )


def _unfitted(
    models: tuple[Model, ...], T: int, subgoals: tuple[int, ...], weights: tuple[float, ...], **others: Any
) -> Profile:
    return Profile(models, T, subgoals, weights, **{"required": criticality(0.35), "gap_weight": 0.0, **others})


UNFITTED = {
    "appworld": _unfitted(_gpt_pair(), 40, (6, 8, 10, 13), BELL),
    "alfworld": _unfitted(_precisions("Qwen3-4B"), 30, (5, 7, 9, 12), BELL, silent_gap=0.05),
    "webshop": _unfitted(_precisions("Qwen3-1.7B"), 15, (3, 5, 7), (1.0, 2.0, 1.0)),
    "sciworld": _unfitted(_pair("gpt-oss-120b", GPT_OSS_120B, "gpt-5", GPT_5), 50, (8, 12, 18), (1.0, 2.0, 1.0)),
    "tau2-retail": _unfitted(_gpt_pair((0.03, 0.05)), 30, (4, 6, 8, 10), BELL, silent_gap=0.05, **TAU2),
    "tau2-airline": _unfitted(_gpt_pair((0.05, 0.05)), 30, (4, 6, 8, 10), BELL, silent_gap=0.0, **TAU2),
    "tau2-telecom": _unfitted(
        _gpt_pair((0.02, 0.02)),
        14,
        tuple(range(2, 13)),
        TELECOM_WEIGHTS,
        required=criticality(0.0),
        spread=1.0,
        silent=0.1,
        silent_gap=0.0,
        **TAU2,
    ),
    "swe": _unfitted(_twin_router_pool(), 40, (6, 9, 12, 16), BELL, required=(SWE_REQUIRED,) * 2, observation_tokens=1780.0),
}
"""Everything but what `fit_profile` solves for."""

_SOLVED: dict[str, tuple[tuple[float, ...], float, float]] = {
    "appworld": ((0.879289, 0.879289), 0.831949, 0.013289),
    "alfworld": ((2.802671, 2.802671), 1.031972, 0.0),
    "webshop": ((0.49172, 0.49172), 1.179119, 0.0),
    "sciworld": ((0.09075, 0.09075), 0.810555, 0.0),
    "tau2-retail": ((1.114506, 1.114506), 0.85526, 0.0),
    "tau2-airline": ((0.276838, 0.276838), 0.7358, 0.0),
    "tau2-telecom": ((0.307786, -0.249557), 0.0, 0.0),
    "swe": ((1.250346, 1.250346, 1.250346, 1.250346), 0.509449, 0.0),
}
"""Skills, gap_weight and give_up."""


def make_profile(name: str) -> Profile:
    """The profile of an embedded instance.

    Raises:
        ValueError: an unknown name, with near matches.
    """
    if name not in UNFITTED:
        raise ValueError(f"instance is {name!r}{near(name, list(UNFITTED))}")
    skills, gap_weight, give_up = _SOLVED[name]
    profile = UNFITTED[name]
    models = tuple(replace(model, skill=skill) for model, skill in zip(profile.models, skills, strict=True))
    target = TARGETS[name]
    given = {"small": target.small, "large": target.large, "large_calls": target.large_calls}
    return replace(
        profile,
        models=models,
        gap_weight=gap_weight,
        give_up=give_up,
        source=target.source,
        fitted_to=tuple((name, value) for name, value in given.items() if value is not None),
    )
