"""Named auction markets: synthetic twins of two iPinYou campaigns, a regime change, and a market with closed forms.

The twins hold no log data. Prices are a few atoms (the spikes that floor prices leave) on a mixture of two gammas;
theta is a mixture of log-normals on a grid; a copula ties the two together. Their constants were fitted offline to
* the training price counts of campaigns 2997 and 1458 (`info.json` of han-cai/rlb-dp), which bidders know, and
* the theta of the test stream of 2997 (`test.theta.txt` of han-cai/rlb-dp, 156,063 auctions) and of the sample of
  1458 (`exp-data` of wnzhang/rtbcontrol, 100,000 auctions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from ..hints import unknown_instance
from .law import PRICE_LEVELS
from .market import Market

FloatArray = npt.NDArray[np.float64]

THETA_ATOMS = 128
_PRICES = np.arange(PRICE_LEVELS, dtype=np.float64)


def make_market(name: str) -> Market:
    """Build the market of one instance.

    Args:
        name: a key of `INSTANCES`: "2997", "1458", "shift" or "uniform".

    Raises:
        ValueError: there is no such instance; the message lists them, near matches first.
    """
    if name in INSTANCES:
        return INSTANCES[name]()
    raise unknown_instance(name, INSTANCES)


def market_2997() -> Market:
    """Twin of iPinYou campaign 2997: light-tailed theta, a sixth of the auctions at floor-like prices.

    Each figure is twin / log. "Log" is the training log for the price (published counts of 312,437 auctions) and the
    test stream for theta and for its dependence on the price (measured on 156,063 auctions).

    * theta: mean .003927 / .003927 (test; the clicks per impression of training are .004436: a market needs the theta
      of one stream), sd .00154 / .00157, log-sd .393 / .394, q50 .00371 / .00372, q95 .0068 / .0072, q99 .0087 / .0089,
      q99.9 .0113 / .0113, max .0198 / .0199. A mixture of the log-normals of the two regimes of `market_shift`.
    * price: mean 63.01 / 63.02, sd 60.8 / 60.7, q10/25/50/75/90/99 6/18/41/88/154/256 / 6/18/41/88/153/257, atoms at
      5, 6 (.116), 30 and 140, total variation .017. The test stream is cheaper (mean 55.2, total variation .107 from
      training); agents know the training counts, hence those.
    * dependence: Spearman .13 / .13, Pearson .29 / .35. The price falls, then rises steeply with theta, which no copula
      with a single correlation gives: mean price by theta decile, as a share of the mean,
      .98 .99 .88 .87 .86 .69 .69 .79 1.05 2.21 / 1.00 .87 .76 .76 .77 .72 .70 .84 1.16 2.41.

    Not modelled: the serial correlation of prices (.13 at lag 1) and clicks that deviate from theta (the log's clicks
    per impression are .0034; here theta is the truth).
    """
    regimes = (_Component(0.3, -5.8584, 0.4033), _Component(0.7, -5.5122, 0.3415))
    theta, pmf = _theta_grid(regimes, low=0.0009, high=0.020, mean=0.0039273)
    group = _quantile_groups(pmf, _GROUP_EDGES_2997)
    price = _conditional_price_pmf(_PRICE_2997.pmf(), _group_mass(pmf, group), _SHIFTS_2997)
    return Market(theta[None], pmf[None], group[None], price[None], regime_start=np.zeros(1))


def market_1458() -> Market:
    """Twin of iPinYou campaign 1458: one auction in a thousand carries two thirds of all theta.

    Each figure is twin / log. "Log" is the training log for the price (published counts of 3,083,056 auctions) and the
    test sample for theta and for its dependence on the price (measured on 100,000 auctions with 65 clicks).

    * theta: mean .000577 / .000577, sd .0133 / .0133, log-sd 1.10 / 1.10, q10 .000029 / .000031, q50 .00013 / .00013,
      q90 .00046 / .00045, q99 .0012 / .0011, q99.9 .08 / .07, q99.99 .71 / .63, max .79 / .83; the most expensive 0.1 % of
      auctions hold 64 % / 64 % of all theta. Two log-normals and a rare third one (share .0011, mean .34). The log
      rounds theta to six decimals (17 zeros); the smallest atom here is 1e-6.
    * price: mean 68.99 / 68.89, sd 54.1 / 53.5, q10/25/50/75/90/99 17/32/59/80/147/274 / 17/32/60/80/147/267, 21 atoms
      with probability .475 (70: .135, 50: .090, 80: .062 ... and the cap at 300), total variation .075.
    * dependence: Pearson .007 / .006, because the rare component hardly depends on the price; but the bulk does:
      Spearman .17 / .17. Mean price by theta decile 60 60 62 62 65 65 70 73 82 91 / 64 62 63 63 65 66 68 71 78 87.

    Not modelled: the three exchanges of the log (mean price 69, 81 and 59).
    """
    bulk = (_Component(0.5219, -9.3909, 1.1486), _Component(0.4770, -8.6139, 0.7877))
    rare = _Component(0.0011, -0.7783, 1.1141)
    theta, pmf = _theta_grid((*bulk, rare), low=1e-6, high=0.83, mean=0.00057669)
    group = _quantile_groups(pmf, _GROUP_EDGES_1458)
    price = _conditional_price_pmf(_PRICE_1458.pmf(), _group_mass(pmf, group), _SHIFTS_1458)
    return Market(theta[None], pmf[None], group[None], price[None], regime_start=np.zeros(1))


def market_shift() -> Market:
    """Campaign 2997 with its regime change: after 30 % of the episode auctions are worth more and cost less.

    Each figure is twin / log, the log being the test stream of 2997 in file order, whose change comes after 29 % of
    the auctions (measured there).

    * theta: mean .0031 then .0043 / .0031 then .0043, log-sd .40 then .34 / .40 then .34; log-normals.
    * price: mean 62.5 then 52.5 / 62.9 then 52.1, sd 60.4 then 52.6 / 62.0 then 58.5: the law of `market_2997`, tilted
      exponentially to the mean. Total variation .07 then .12, because in the log the fall is mostly a larger floor
      atom and not a lighter tail.
    * dependence: Spearman .25 then .16 / .25 then .15, Pearson .42 then .34 / .40 then .41.

    Over the whole episode mean theta is .00394 and the mean price 55.5.
    """
    regimes = (
        (_Component(1.0, -5.8584, 0.4033), 0.0031, 62.5, _SHIFTS_2997_EARLY),
        (_Component(1.0, -5.5122, 0.3415), 0.0043, 52.5, _SHIFTS_2997_LATE),
    )
    thetas, pmfs, groups, prices = [], [], [], []
    for component, mean_theta, mean_price, shifts in regimes:
        theta, pmf = _theta_grid((component,), low=0.0009, high=0.020, mean=mean_theta)
        group = _quantile_groups(pmf, _GROUP_EDGES_2997)
        marginal = _tilt_to_mean(_PRICE_2997.pmf(), mean_price)
        thetas.append(theta)
        pmfs.append(pmf)
        groups.append(group)
        prices.append(_conditional_price_pmf(marginal, _group_mass(pmf, group), shifts))
    return Market(np.stack(thetas), np.stack(pmfs), np.stack(groups), np.stack(prices), np.array([0.0, 0.3]))


def market_uniform() -> Market:
    """A market simple enough for pencil and paper: uniform theta, uniform price, independent.

    theta is one of 64 equally likely atoms (g + 1/2) / 64 * 0.01, g = 0..63: mean 0.005, range 0.01/128 to
    0.01 * 127/128. The market price is uniform on 0..300, mean 150. Nothing is calibrated. In closed form, a bid a in
    [0, 300] wins with probability (floor(a) + 1) / 301 and, when a is an integer, costs a (a + 1) / 2 / 301 per
    auction on average, won or not; bidding a on every auction thus earns 0.005 (a + 1) / 301 clicks per auction.
    """
    atoms = 64
    theta = (np.arange(atoms) + 0.5) / atoms * 0.01
    price = np.full((1, 1, PRICE_LEVELS), 1.0 / PRICE_LEVELS)
    group = np.zeros((1, atoms), dtype=np.int64)
    return Market(theta[None], np.full((1, atoms), 1.0 / atoms), group, price, regime_start=np.zeros(1))


INSTANCES: dict[str, Callable[[], Market]] = {
    "2997": market_2997,
    "1458": market_1458,
    "shift": market_shift,
    "uniform": market_uniform,
}
"""Instance name -> function that builds its market."""


@dataclass(frozen=True)
class _Component:
    """One log-normal of a mixture for theta."""

    weight: float
    log_mean: float
    log_sd: float


@dataclass(frozen=True)
class _Gamma:
    """One gamma of a mixture for the price."""

    weight: float
    shape: float
    scale: float


@dataclass(frozen=True)
class _PriceLaw:
    """A price pmf: `atoms` (price -> probability) and, with what they leave, `body` on the prices low..high."""

    atoms: Mapping[int, float]
    body: Sequence[_Gamma]
    low: int
    high: int

    def pmf(self) -> FloatArray:
        """(301,) probabilities of the prices 0..300."""
        body = np.zeros(PRICE_LEVELS)
        for gamma in self.body:
            body += gamma.weight * self._discretised(gamma)
        pmf = body * (1.0 - sum(self.atoms.values())) / body.sum()
        for price, probability in self.atoms.items():
            pmf[price] += probability
        return pmf

    def _discretised(self, gamma: _Gamma) -> FloatArray:
        # The density half-way between two prices, so that price 0 is no singularity.
        middle = _PRICES[self.low : self.high + 1] + 0.5
        log_density = (gamma.shape - 1.0) * np.log(middle) - middle / gamma.scale
        density = np.exp(log_density - log_density.max())
        pmf = np.zeros(PRICE_LEVELS)
        pmf[self.low : self.high + 1] = density / density.sum()
        return pmf


# Fitted to the training counts by least total variation, with mean and sd held near theirs.
_PRICE_2997 = _PriceLaw(
    atoms={5: 0.0144, 6: 0.1158, 30: 0.0358, 140: 0.0134},
    body=(_Gamma(0.825, 1.518, 32.92), _Gamma(0.175, 4.655, 43.16)),
    low=7,
    high=277,
)
_PRICE_1458 = _PriceLaw(
    atoms={
        5: 0.0113, 10: 0.0068, 16: 0.0071, 17: 0.0147, 20: 0.0439, 30: 0.0113, 40: 0.0085, 44: 0.0073, 50: 0.0890,
        51: 0.0116, 59: 0.0116, 61: 0.0087, 70: 0.1342, 76: 0.0134, 80: 0.0617, 101: 0.0063, 148: 0.0094, 151: 0.0055,
        162: 0.0050, 201: 0.0064, 300: 0.0014,
    },
    body=(_Gamma(0.868, 1.424, 42.27), _Gamma(0.132, 1.632, 478.34)),
    low=4,
    high=300,
)  # fmt: skip

# Inner borders of the price groups, as quantiles of theta. They are narrow where the mean price changes quickly: in
# 2997 the top tenth of theta is far more expensive than the rest, in 1458 the rare heavy component is a group of its own.
_GROUP_EDGES_2997 = (0.10, 0.20, 0.50, 0.75, 0.85, 0.90, 0.95)
_GROUP_EDGES_1458 = (0.20, 0.40, 0.60, 0.75, 0.85, 0.95, 0.9989)

# Latent price shift of every group, fitted to the mean price rank of the group in the log.
_SHIFTS_2997 = (0.018, 0.046, -0.111, -0.382, -0.080, 0.244, 0.872, 1.521)
_SHIFTS_2997_EARLY = (-0.248, -0.025, -0.233, -0.328, 0.012, 0.459, 1.394, 1.665)
_SHIFTS_2997_LATE = (0.055, 0.070, -0.223, -0.374, -0.031, 0.247, 1.121, 1.616)
_SHIFTS_1458 = (-0.180, -0.148, -0.073, 0.022, 0.165, 0.338, 0.495, 0.193)


def _theta_grid(components: Sequence[_Component], low: float, high: float, mean: float) -> tuple[FloatArray, FloatArray]:
    """Atoms of theta and their probabilities: the mixture, truncated to [low, high], on an even grid of log theta.

    An even grid and not equal probabilities: rare auctions that are worth a hundred others get atoms of their own.
    The atoms are scaled to hit `mean` exactly, by less than a per cent.
    """
    edges = np.linspace(np.log(low), np.log(high), THETA_ATOMS + 1)
    pmf = np.zeros(THETA_ATOMS)
    for component in components:
        law = NormalDist(component.log_mean, component.log_sd)
        mass = np.diff([law.cdf(edge) for edge in edges])
        pmf += component.weight * mass / mass.sum()
    pmf /= pmf.sum()
    theta = np.exp((edges[:-1] + edges[1:]) / 2)
    return theta * (mean / (theta @ pmf)), pmf


def _quantile_groups(pmf: FloatArray, edges: Sequence[float]) -> npt.NDArray[np.int64]:
    """(G,) group of every atom: the number of `edges` below the middle of its share of probability."""
    middle = np.cumsum(pmf) - pmf / 2
    return np.searchsorted(edges, middle).astype(np.int64)


def _group_mass(pmf: FloatArray, group: npt.NDArray[np.int64]) -> FloatArray:
    return np.bincount(group, weights=pmf).astype(np.float64)


def _conditional_price_pmf(marginal: FloatArray, mass: FloatArray, shifts: Sequence[float]) -> FloatArray:
    """(H, 301) price pmf of every group, whose average over the groups is `marginal`.

    A Gaussian copula with one location per group: the price is the `marginal` quantile of F(Z), where Z is normal with
    mean `shifts[h]` and sd 1 in group h and F is the distribution of Z over all groups, so that F(Z) is uniform. Shifts
    that rise with h by the group means of a normal score are the ordinary copula with one correlation; free shifts also
    follow a price that first falls and then rises with theta, as that of 2997 does.

    F(Z) is tabulated on a grid of z with linear interpolation between. Because the same interpolation takes every
    group's distribution function to the scale of F(Z), the marginal is kept to rounding error, whatever the grid.
    """
    grid = np.linspace(min(shifts) - 6.0, max(shifts) + 6.0, 241)
    cdf = np.array([[NormalDist(shift).cdf(z) for z in grid] for shift in shifts])
    cdf[:, 0], cdf[:, -1] = 0.0, 1.0
    pooled = mass @ cdf
    level = np.cumsum(marginal)
    level /= level[-1]
    pmf = np.array([np.diff(np.interp(level, pooled, row), prepend=0.0) for row in cdf])
    pmf = np.maximum(pmf, 0.0)  # rounding may leave -1e-17
    return pmf / pmf.sum(axis=1, keepdims=True)


def _tilt_to_mean(pmf: FloatArray, mean: float) -> FloatArray:
    """The pmf proportional to `pmf * exp(rate * price)` whose mean price is `mean`.

    Of all pmfs with that mean it is the closest to `pmf` in relative entropy.
    """
    rate = 0.0
    tilted = pmf
    # Newton's method; the mean is a smooth increasing function of the rate, and far fewer rounds converge.
    for _ in range(20):
        rate -= (tilted @ _PRICES - mean) / (tilted @ (_PRICES - tilted @ _PRICES) ** 2)
        weights = pmf * np.exp(rate * _PRICES)
        tilted = weights / weights.sum()
    return tilted
