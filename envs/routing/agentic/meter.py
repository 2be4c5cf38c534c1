"""What a call of a language model costs: four buckets of tokens, and a prefix cache that forgets.

A provider keeps the prompt of a call for a while (`CACHE_SECONDS`). A later call of the same model whose prompt begins with
it pays the `read` price for that part; the rest of the prompt is billed at the `write` price. Another model's cache does
not help: switching models costs a cold prefix. (TwinRouterBench, arXiv:2605.18859, section on cost; its 13-step case is
reproduced step by step by a test.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...core import jit
from ...core.checks import number

CACHE_SECONDS = 300.0
"""Life of a cached prompt since its last use: five minutes, the default of the large providers."""

PER_TOKEN = 1e-6
"""Prices are per million tokens."""


class Prices(NamedTuple):
    """US dollars per million tokens."""

    input: float
    """Of the part of a prompt that is not offered to the cache."""
    output: float
    read: float
    """Of the part of a prompt that the cache remembers."""
    write: float
    """Of the part of a prompt that is new to the cache. Providers without a fee for it take the `input` price."""


def uncached(input: float, output: float) -> Prices:
    """Prices of a provider that caches nothing."""
    return Prices(input, output, input, input)


def cached(input: float, output: float, read: float, write: float | None = None) -> Prices:
    """Prices of a provider with a prefix cache; writing to it costs the input price unless said otherwise."""
    return Prices(input, output, read, input if write is None else write)


@jit
def prompt_price(read, write, prompt, remembered):
    """Price of a prompt of `prompt` tokens, of which the first `remembered` are in the cache; in the unit of the prices."""
    hit = min(prompt, remembered)
    return hit * read + (prompt - hit) * write


@jit
def is_warm(now, used_at, life):
    """Whether a cache that was last used then is still alive."""
    return now - used_at <= life


@dataclass
class CostMeter:
    """Adds up the bill of a trace of calls, as the simulator does; for traces of your own.

    Args:
        prices: model name -> its prices.
        cache_seconds: life of a cached prompt since its last use.

    Raises:
        ValueError: something that is not Prices, or prices that are not numbers >= 0.
    """

    prices: dict[str, Prices]
    cache_seconds: float = CACHE_SECONDS
    total: float = 0.0
    """Dollars so far."""
    _now: float = -math.inf
    _caches: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not number("cache_seconds", self.cache_seconds, "seconds >= 0") >= 0:
            raise ValueError(f"cache_seconds is {self.cache_seconds!r}; expected seconds >= 0")
        for model, prices in self.prices.items():
            check_prices(f"prices of {model!r}", prices)

    def call(
        self, model: str, prompt_tokens: float, output_tokens: float, now: float = 0.0, uncached_tokens: float = 0.0
    ) -> float:
        """Bill one call and return its cost in dollars.

        Args:
            model: which model; a name in `prices`.
            prompt_tokens: the whole prompt, of which the model's previous prompt is taken to be a prefix (as far as it
                reaches).
            output_tokens: what the model writes.
            now: time of the call in seconds, not before the previous one.
            uncached_tokens: how many of the prompt's tokens, at its end, are not offered to the cache.
        """
        if model not in self.prices:
            raise ValueError(f"model is {model!r}; expected one of {', '.join(self.prices)}")
        counts = {"prompt_tokens": prompt_tokens, "output_tokens": output_tokens, "uncached_tokens": uncached_tokens}
        for name, tokens in counts.items():
            if not 0 <= number(name, tokens, "a number of tokens >= 0") < math.inf:
                raise ValueError(f"{name} is {tokens!r}; expected a number of tokens >= 0")
        if uncached_tokens > prompt_tokens:
            raise ValueError(f"uncached_tokens is {uncached_tokens!r}; expected at most the prompt's {prompt_tokens!r}")
        if not number("now", now, "a time in seconds") >= self._now:
            raise ValueError(f"now is {now!r}; expected a time not before {self._now!r}, that of the call before")
        prices = self.prices[model]
        remembered, used_at = self._caches.get(model, (0.0, now))
        if not is_warm(now, used_at, self.cache_seconds):
            remembered = 0.0
        offered = prompt_tokens - uncached_tokens
        cost = prompt_price(prices.read, prices.write, offered, remembered) + uncached_tokens * prices.input
        cost = (cost + output_tokens * prices.output) * PER_TOKEN
        self._caches[model] = (offered, now)
        self._now = now
        self.total += cost
        return cost


def check_prices(name: str, prices: Any) -> None:
    """Refuse what is not Prices, and prices that are no numbers, negative or not finite, with a ValueError that names them."""
    if not isinstance(prices, Prices):
        raise ValueError(f"{name} is {prices!r}; expected Prices, as cached(...) or uncached(...) make them")
    for kind, price in prices._asdict().items():
        expected = "dollars per million tokens, >= 0 (without a cache, uncached(...) makes all four)"
        if not 0 <= number(f"{name}: {kind}", price, expected) < math.inf:
            raise ValueError(f"{name}: {kind} is {price!r}; expected {expected}")
