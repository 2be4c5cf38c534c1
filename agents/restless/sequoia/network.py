"""Q-networks whose value of an action can be maximised exactly: the state may enter in any way, the action by ReLU layers."""

from __future__ import annotations

import copy
import itertools
from abc import abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ....envs.restless.problem import Restless
from ...learning.features import amount_left
from .base import LagrangianBase
from .coding import Coding
from .question import Layers, Question


class Terms(NamedTuple):
    """What the states decide, for n of them; see `Question`."""

    value: torch.Tensor
    """(n,)"""
    linear: torch.Tensor
    """(n, X)"""
    bias: torch.Tensor
    """(n, K)"""


class ActionValue(nn.Module):
    """Q(s, a) = value(s) + linear(s) x + output relu(... relu(first x + bias(s))), for the code x of the action a.

    Attributes:
        coding: of the actions.
        scale: in reward, of a value of 1 within the network.
        hidden: the ReLU layers that read the code; the first one's bias comes from the state.
        output: the last layer's weights.
    """

    scale: torch.Tensor

    def __init__(self, problem: Restless, coding: Coding, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.problem, self.coding = problem, coding
        self.base: LagrangianBase | None = None
        sizes = [coding.width, *hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b, bias=k > 0) for k, (a, b) in enumerate(itertools.pairwise(sizes)))
        self.output = nn.Linear(sizes[-1], 1, bias=False)
        self.register_buffer("scale", torch.ones(()))

    @abstractmethod
    def terms(self, observations: torch.Tensor) -> Terms:
        """What the states of observations (n, d) decide, before the scale."""

    def forward(self, observations: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """The values (n,) of codes (n, X)."""
        terms = self.terms(observations)
        active = torch.relu(self.hidden[0](codes) + terms.bias)
        for layer in self.hidden[1:]:
            active = torch.relu(layer(active))
        within = terms.value + (terms.linear * codes).sum(dim=1) + self.output(active)[:, 0]
        return self.scale * within

    def layers(self) -> Layers:
        """What does not depend on the state, with the scale in the output."""
        first, *deeper = [module for module in self.hidden if isinstance(module, nn.Linear)]
        scale = float(self.scale)
        return Layers(
            _array(first.weight),
            tuple((_array(m.weight), _array(m.bias)) for m in deeper),
            scale * _array(self.output.weight)[0],
        )

    def asked(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Constants (n,), linear parts (n, X) and biases (n, K) for observations (n, d), with the scale."""
        dtype = self.scale.dtype
        with torch.no_grad():
            terms = self.terms(torch.as_tensor(rows, dtype=dtype))
        scale = float(self.scale)
        return scale * _array(terms.value), scale * _array(terms.linear), _array(terms.bias)

    def question(self, row: NDArray[np.float64]) -> Question:
        """What an observation (d,) asks."""
        constant, linear, bias = self.asked(row[None])
        return Question(float(constant[0]), linear[0], bias[0])

    def exact(self) -> ActionValue:
        """A copy in 64-bit numbers, for decisions that are proved."""
        shared = {id(known): known for known in (self.problem, self.coding, self.base)}  # these do not change
        return copy.deepcopy(self, shared).double().eval()


class PublishedNetwork(ActionValue):
    """The authors' network: action and arms' states as plain numbers side by side, through layers of 16 and 32 units.

    It knows neither the time nor the pulls left.
    """

    def __init__(self, problem: Restless, hidden: tuple[int, ...] = (16, 32)) -> None:
        super().__init__(problem, Coding(problem, levels=False), hidden)
        arms = problem.reading.arms
        self.state = nn.Linear(arms, hidden[0])
        # As if both were one layer over all inputs.
        bound, reads = 1.0 / np.sqrt(arms + self.coding.width), self.hidden[0]
        assert isinstance(reads, nn.Linear)
        for parameter in (reads.weight, self.state.weight, self.state.bias):
            nn.init.uniform_(parameter, -bound, bound)
        self.constant = nn.Parameter(torch.zeros(()))

    def terms(self, observations: torch.Tensor) -> Terms:
        """See `ActionValue`."""
        arms = arm_states(self.problem, observations)
        n = len(observations)
        return Terms(self.constant.expand(n), observations.new_zeros(n, self.coding.width), self.state(arms))


KNOTS = 11
"""Points of time between which tables interpolate."""

PACE = 10.0
"""How much faster tables learn than the rest: they have few examples for every entry, and few entries for every example."""

CLOCK = 50.0
"""How much faster what all situations of a time have in common is learned, so that no other part has to make up for it while
values grow backwards from the end of the episode."""


class JointNetwork(ActionValue):
    """The default: a table of what every arm is worth alone, and a network for what that misses.

    `Q(s, a) = base + clock[time] + sum_j table[time, j, s_j, level_j(a)] + value(s) + linear(s) x
    + output relu(first x + bias(s))`

    The last three come from the state through two layers of its own. A table by arm learns from few examples what a dense
    layer over all arms' states learns from many. One layer reads the action: that is solved much faster than two, and fits
    no worse.

    Args:
        problem: what to decide on.
        hidden: units that read the action.
        trunk: units of the two layers that read the state.
        base: what is known of the value beforehand. The network adds nothing to it at first.
    """

    def __init__(
        self, problem: Restless, hidden: tuple[int, ...] = (32,), trunk: int = 128, base: LagrangianBase | None = None
    ) -> None:
        super().__init__(problem, Coding(problem), hidden)
        self.base = base
        features = feature_count(problem)
        self.trunk = nn.Sequential(nn.Linear(features, trunk), nn.ReLU(), nn.Linear(trunk, trunk), nn.ReLU())
        self.heads = nn.Linear(trunk, 1 + self.coding.width + hidden[0])
        J, L, S = problem.arms.shape
        self.table = nn.Parameter(torch.zeros(KNOTS, J, S, L))
        self.clock = nn.Parameter(torch.zeros(KNOTS))
        with torch.no_grad():
            self.heads.weight[: 1 + self.coding.width] = 0.0
            self.heads.bias[: 1 + self.coding.width] = 0.0
            self.output.weight.zero_()

    def terms(self, observations: torch.Tensor) -> Terms:
        """See `ActionValue`."""
        X = self.coding.width
        heads = self.heads(self.trunk(state_features(self.problem, observations)))
        value, linear = heads[:, 0], heads[:, 1 : 1 + X]
        levels, clock = self._by_arm(observations)
        gains = (levels[..., 1:] - levels[..., :1]).flatten(1)
        value = value + levels[..., 0].sum(dim=1) + clock
        linear = linear + nn.functional.pad(gains, (X - gains.shape[1], 0))
        if self.base is not None:
            known_value, known_linear = self.base.terms(observations)
            value, linear = value + known_value / self.scale, linear + known_linear / self.scale
        return Terms(value, linear, heads[:, 1 + X :])

    def _by_arm(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What table (n, J, L) and clock (n,) say, between two of their points of time."""
        arms = arm_states(self.problem, observations).long()
        J = torch.arange(arms.shape[1])
        place = (1.0 - observations[:, self.problem.reading.budget + 2]).clamp(0.0, 1.0) * (KNOTS - 1)
        before = place.floor().clamp(max=KNOTS - 2).long()
        share = place - before
        clock = torch.lerp(self.clock[before], self.clock[before + 1], share)
        early, late = self.table[before[:, None], J, arms], self.table[before[:, None] + 1, J, arms]
        return PACE * torch.lerp(early, late, share[:, None, None]), CLOCK * clock


def arm_states(problem: Restless, observations: torch.Tensor) -> torch.Tensor:
    """(n, J) the arms' states as plain numbers, whichever way the observation shows them."""
    reading = problem.reading
    shown = observations[:, : reading.budget]
    if not reading.one_hot:
        return shown
    return shown.unflatten(1, (reading.arms, reading.states)) @ torch.arange(reading.states, dtype=observations.dtype)


def feature_count(problem: Restless) -> int:
    """Entries of `state_features`."""
    return 2 * problem.reading.arms * problem.reading.states + 3


def state_features(problem: Restless, observations: torch.Tensor) -> torch.Tensor:
    """The arms' states one-hot, the same times the remaining time, that time, and the pulls left, in all and per step."""
    reading = problem.reading
    shown = torch.nn.functional.one_hot(arm_states(problem, observations).long(), reading.states)
    shown = shown.flatten(1).to(observations.dtype)
    time = observations[:, reading.budget + 2]
    left = amount_left(observations, reading.budget)[:, 0]  # in units of what an episode can hold
    pace = (left / time.clamp(min=1e-9)).clamp(max=1.0)
    return torch.cat([shown, shown * time[:, None], torch.stack([time, left.clamp(max=1.0), pace], dim=1)], dim=1)


def _array(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().numpy().astype(np.float64)
