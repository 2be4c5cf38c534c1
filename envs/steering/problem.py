"""`SocialSteering`: a planner sets how precise the information of a society is, whose members learn from each other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..core.checks import as_array, boolean, is_number, natural, non_negative, number, one_of, positive_integer, probability
from ..core.features import Feature
from ..core.metrics import Metric
from ..core.problem import Kernels, Problem, read_on_infeasible, read_only
from . import kernels
from .behaviour import CERTAIN, log_odds, read_behaviour
from .effort import EXPONENTS, Effort, effort_of
from .network import read_network
from .reading import Reading, restore_ties
from .state import Params, State

NEVER = 1e-9
"""A society without a last period ends where fewer episodes than this share would arrive."""
MOST_TOPICS = 64
MOST_PERIODS = 100_000


class SocialSteering(Problem):
    r"""
    ## Description
    A state is good or bad; nobody knows which. Agents act one after another, each once: she gets a private signal that is
    right with probability q, sees the actions (not the signals) of all before her, and wants to choose the action that fits
    the state. Once the public belief outweighs any signal, everybody follows the herd, and nothing is learned any more: a
    cascade, perhaps a wrong one. A planner, who knows no more than the public, sets the precision q of each signal. Above
    (for a biased planner: off) the baseline p, precision costs effort, of which there is a budget. Model of "Steering the
    Herd" (Arghal et al., 2025).

    An agent with public belief b acts on her signal iff q >= max(b, 1 - b), in log-odds `log(q / (1 - q)) >= |L|`; torn, on
    her signal. Then b moves by Bayes' rule; otherwise it stands still. From b = 1/2 nearly every path meets ties, so they
    are decided in log-odds with a tolerance of 1e-9.

    ## Action Space
    `Box(-1, 1, (1,))`: the precision on a scale from 1/2 to `q_max`, rounded to the nearest of the `levels`, by
    default .5, .6, .7, .8, .9. With `levels=None` it is taken as it is. With `discrete=True`, `Discrete(len(levels))`: the
    number of the precision. With several topics one such action for each: `Box(-1, 1, (K,))`, `MultiDiscrete`. A
    number out of range is clipped; `on_infeasible="raise"` refuses it.

    ## Observation Space
    With K = 1, no network and a Bayesian public belief:

    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | public_belief | probability of the good state, given all actions so far | [0, 1] |
    | 1 | log_odds | tanh(L / 4) of that belief | [-1, 1] |
    | 2 | last_precision | precision of the signal before; 0 at the start | [0, q_max] |
    | 3 | last_action | 1 good, -1 bad, 0 at the start | [-1, 1] |
    | 4 | last_informative | 1 if that action said anything about the state, else 0 | [0, 1] |
    | 5 | effort_size | size of the budget: initial / (initial + what an episode could spend) | [0, 1] |
    | 6 | effort_remaining | remaining share of the budget | [0, 1] |
    | 7 | time_remaining | remaining share of the periods | [0, 1] |

    K topics have K entries of each of the first five. `public_belief="biased"` and `network=` add `opinion` after
    `log_odds`: tanh(L / 4) of what the next agent takes from what she can see. `network=` also adds `said[0..T-1]` after
    `last_informative`: tanh(L / 4) of every action at face value, 0 for those to come. `observation="history"` leaves out
    beliefs and opinions: a planner then needs a memory. `budget_aware=False` leaves out the last three. Neither the state
    nor a signal is ever shown.

    ## Rewards
    `objective="altruistic"`: -C for a wrong action. `"biased"`: -C for a bad action, right or wrong. Minus `price` times the
    effort spent. `reward="expected"` is the expectation given the public belief, which the planner knows anyway.
    `"realised"` is what the agent did, with the same mean. Realised and altruistic, **the reward shows the hidden state**: an
    agent that sees its rewards, such as a recurrent one fed with them, then knows more than a planner may know. Realised and
    biased, it shows nothing that is not public.

    ## Budget
    One resource, `effort`: beta(q) = k (1 - p) (d / (1 - p))^e with e = 1 (`cost="linear"`), 1/2 (`"concave"`) or 2
    (`"quadratic"`). The altruistic planner pays for d = max(q - p, 0), the biased one for d = |q - p|. A precision that the
    remaining effort does not pay becomes the nearest one that it pays, between the one asked for and p, which is free, and
    is counted in `info["blocked"]`. Topics are served in their order. `budget=` is an amount, a range, or None or `inf` for no
    limit; a `price` then makes effort scarce, as in the paper (`budget=None, price=1`).

    ## Starting State
    The public belief is the `prior`, or drawn from a range; the state is drawn from it.

    ## Episode End
    Terminates after T agents. With a `discount` below 1, after every agent another comes only with probability `discount`,
    so the return (not discounted) has the discounted value as its mean; learners use gamma = 1. `T=None` has no last period,
    and needs such a discount (in fact it ends where fewer than one episode in 10^9 would arrive).

    ## Information
    The ledger; `errors` (wrong actions), `good_actions`, `informative` (actions that said something), counted so far, and
    `action_mask` if `discrete` with one topic. `errors` depends on the hidden state and is not for planners.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | objective | `"altruistic"` or `"biased"` (wants the good action) | `"altruistic"` |
    | prior | probability of the good state in (0, 1), or a range from which every episode draws it | 0.5 |
    | p | baseline precision in [1/2, 1) | 0.7 |
    | q_max | largest precision, in [p, 1]; with 1, certainty is for sale, and the task often trivial | 0.9 |
    | levels | precisions: how many, evenly spaced in [1/2, q_max], or a list; p is added; None: a continuum | 5 |
    | C | loss of an unwanted action, >= 0 | 1.0 |
    | k | scale of the cost of effort, >= 0 | 1.0 |
    | cost | `"linear"`, `"concave"` or `"quadratic"` | `"linear"` |
    | price | what a unit of effort takes from the reward, >= 0 | 0.0 |
    | T | periods, or None | 10 |
    | discount | probability that another agent comes, in (0, 1] | 1.0 |
    | budget | see Budget | 0.6 |
    | agents | how agents decide: a name, a mapping or a `Behaviour`, see Instances | `"bayes"` |
    | public_belief | `"bayesian"`, or `"biased"`: agents also update the public belief by their own weights | `"bayesian"` |
    | ties | torn agents act on their own `"signal"`, or on the public `"belief"` | `"signal"` |
    | hazard | probability that the state switches after a period, in [0, 1/2) | 0.0 |
    | topics | K, each with a state and a society of its own, on one budget | 1 |
    | network | who observes whom: `"complete"`, `"last-K"`, `"first-K"`, `"random-R"`, or a matrix (T, T) | None |
    | instance_seed | draws a random network | 0 |
    | reward | `"expected"` or `"realised"` | `"expected"` |
    | observation | `"belief"` or `"history"` | `"belief"` |
    | discrete | see Action Space | False |
    | on_infeasible | see Action Space | `"project"` |
    | budget_aware | see Observation Space | True |

    Without a network everybody observes all before her and understands it: an action in a cascade says nothing. With a
    network agents are naive: they take every action that they observe at face value, as if it were the signal, since exact
    inference on a network is out of reach for them. The planner, who sees all, keeps to Bayes' rule in either case.

    ## Instances
    `agents`: `"bayes"`; `"weizsacker"` (follow a signal up to odds of 2 to 1 against it); `"overweight"`, `"underweight"`
    (1.5 and 0.5 times the weight on contradicting signals); `"grether"`; `"llm_like"` (biased as language models were seen
    to be); `"logit"` (quantal response); `"stubborn"` (a fifth toss a coin). Formulas and sources stand in
    `budgetgym.envs.steering.behaviour`.

    ## Exact optimum
    `budgetgym.baselines.steering`: the exact value by dynamic programming over piecewise linear functions of the belief,
    for one topic, a list of precisions and agents without a logit. For biased public beliefs and networks, by listing all
    states, where these are few enough. For the paper's model (a continuum or a logit, a price, no budget, T=None) on a grid
    of beliefs. With several topics, or a continuum and a budget, an upper bound (Lagrangian relaxation of the budget).
    Shares of the optimum are measured from what doing nothing (q = p) earns.

    ## References
    R. Arghal, K. He, S. Saeedi Bidokhti, S. Sarkar: Steering the Herd: A Framework for LLM-based Control of Social Learning.
    ICLR 2026, arXiv:2504.02648. S. Bikhchandani, D. Hirshleifer, I. Welch: A theory of fads, fashion, custom, and cultural
    change as informational cascades. Journal of Political Economy, 1992.

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    state_class = State
    resources = ("effort",)
    metrics = (
        Metric("errors", "wrong actions", "mean"),
        Metric("good_actions", "good actions", "mean"),
        Metric("informative", "informative", "mean"),
    )

    def __init__(
        self,
        *,
        objective: Literal["altruistic", "biased"] = "altruistic",
        prior: float | tuple[float, float] = 0.5,
        p: float = 0.7,
        q_max: float = 0.9,
        levels: int | Sequence[float] | None = 5,
        C: float = 1.0,
        k: float = 1.0,
        cost: Literal["linear", "concave", "quadratic"] = "linear",
        price: float = 0.0,
        T: int | None = 10,
        discount: float = 1.0,
        budget: Any = 0.6,
        agents: Any = "bayes",
        public_belief: Literal["bayesian", "biased"] = "bayesian",
        ties: Literal["signal", "belief"] = "signal",
        hazard: float = 0.0,
        topics: int = 1,
        network: Any = None,
        instance_seed: int = 0,
        reward: Literal["expected", "realised"] = "expected",
        observation: Literal["belief", "history"] = "belief",
        discrete: bool = False,
        on_infeasible: Literal["project", "raise"] = "project",
        budget_aware: bool = True,
    ) -> None:
        self.on_infeasible = read_on_infeasible(on_infeasible)
        self.objective = one_of("objective", objective, ("altruistic", "biased"))
        biased = objective == "biased"
        topics = positive_integer("topics", topics)
        if topics > MOST_TOPICS:
            raise ValueError(f"topics is {topics}; expected at most {MOST_TOPICS} that share a budget")
        p, q_max = _precisions(p, q_max)
        effort = Effort(non_negative("k", k), p, EXPONENTS[one_of("cost", cost, tuple(EXPONENTS))], biased)
        low, high = _prior(prior)
        survival = _discount(discount)
        periods = _periods(T, survival)
        self._agents, behaviour = read_behaviour(agents)
        shared_bias = one_of("public_belief", public_belief, ("bayesian", "biased")) == "biased"
        hazard = _hazard(hazard)
        observes = np.zeros((0, 0), np.bool_)
        natural("instance_seed", instance_seed)
        if network is not None:
            _check_network(T, topics, hazard, shared_bias)
            observes = read_network(network, periods, np.random.default_rng(instance_seed))
        self._network = network if network is None or isinstance(network, str) else "of your own"
        discrete = boolean("discrete", discrete)
        if levels is None and discrete:
            raise ValueError("levels=None with discrete=True; expected a number of precisions, or a list of them")
        offered = np.array([p]) if levels is None else _levels(levels, p, q_max)
        most_expensive = max(effort_of(effort, q_max), effort_of(effort, 0.5))
        history = one_of("observation", observation, ("belief", "history")) == "history"
        masks = kernels.mask if discrete and topics == 1 else None
        self.kernels = Kernels(kernels.reset, kernels.step, kernels.observe, masks, kernels.resample)
        self.topics = topics
        self.opinions_apart = shared_bias or network is not None
        length = periods if survival == 1.0 else min(periods, 1.0 / (1.0 - survival))
        super().__init__(
            params=Params(
                biased=biased,
                realised=one_of("reward", reward, ("expected", "realised")) == "realised",
                loss=non_negative("C", C),
                price=non_negative("price", price),
                effort=effort,
                behaviour=behaviour,
                own_on_ties=one_of("ties", ties, ("signal", "belief")) == "signal",
                periods=periods,
                survival=survival,
                hazard=hazard,
                prior_low=low,
                prior_high=high,
                on_scale=not discrete,
                listed=levels is not None,
                q_max=q_max,
                levels=read_only(offered),
                strengths=read_only(np.array([log_odds(q) for q in offered])),
                costs=read_only(np.array([effort_of(effort, q) for q in offered])),
                baseline=int(np.flatnonzero(offered == p)[0]),
                observes=read_only(observes),
                history=history,
            ),
            features=_features(topics, q_max, history, self.opinions_apart, len(observes)),
            action_space=_action_space(discrete, topics, len(offered)),
            horizon=periods,
            budget=topics * periods * most_expensive if budget is None else budget,
            budget_scale=topics * length * most_expensive or 1.0,
            budget_aware=budget_aware,
        )

    @property
    def sizes(self) -> Mapping[str, int]:
        """Topics, opinions where they differ from beliefs, and the agents that a network can observe."""
        return {
            "topics": self.topics,
            "opinions": self.topics if self.opinions_apart else 0,
            "observed": len(self.params.observes),
        }

    @property
    def action_meaning(self) -> Mapping[str, str]:
        """The precisions on offer."""
        return {"levels": ", ".join(f"{q:g}" for q in self.params.levels) if self.params.listed else "any"}

    def check_state(self, state: State) -> None:
        """Beliefs must be numbers within certainty."""
        for name in ("prior", "log_odds", "opinion"):
            if not (np.abs(getattr(state, name)) <= CERTAIN).all():
                raise ValueError(f"the snapshot is of another problem: {name} must be log-odds within {CERTAIN:g} of 0")

    @property
    def instance(self) -> str:
        """The objective, the agents, and what is out of the ordinary."""
        p = self.params
        parts = [self.objective, self.agents]
        parts += [f"{self.topics} topics"] * (self.topics > 1) + [f"network {self._network}"] * (self._network is not None)
        parts += ["biased belief"] * self.shared_bias + [f"hazard {p.hazard:g}"] * (p.hazard > 0)
        parts += [f"discount {p.survival:g}"] * (p.survival < 1)
        return ", ".join(parts)

    @property
    def shared_bias(self) -> bool:
        """Whether the agents' public belief follows their own weights."""
        return self.opinions_apart and not len(self.params.observes)

    @property
    def agents(self) -> str:
        """The name of the agents' behaviour, or what sets it apart from Bayes' rule."""
        return self._agents

    @property
    def reading(self) -> Reading:
        """What planners need to read observations."""
        p, K = self.params, self.topics
        opinion = 2 * K if not p.history and self.opinions_apart else -1
        belief = -1 if p.history else 0
        return Reading(belief, opinion, len(self.observation_names) - 3, float(self.budget_scale[0]), self.horizon)

    def widen(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Problem.widen`; beliefs at which agents are torn are exact again."""
        wide = super().widen(rows)
        if not self.params.history:
            restore_ties(wide, self.params.behaviour, self.params.strengths, self.topics, self.opinions_apart)
        return wide

    @cached_property
    def key(self) -> str:
        """A digest of all that decides what is good to do: everything but the budget and what is shown."""
        p = self.params._replace(history=False, realised=False)
        digest = hashlib.sha256(f"{self.topics} {self.opinions_apart}".encode())
        for name, value in p._asdict().items():
            digest.update(f"{name}{value.tobytes() if isinstance(value, np.ndarray) else value!r}".encode())
        return digest.hexdigest()


def _precisions(p: Any, q_max: Any) -> tuple[float, float]:
    if not 0.5 <= number("p", p, "a precision in [1/2, 1)") < 1.0:
        raise ValueError(f"p is {p!r}; expected a precision in [1/2, 1)")
    if not p <= number("q_max", q_max, "a precision in [p, 1]") <= 1.0:
        raise ValueError(f"q_max is {q_max!r}; expected a precision in [p, 1], with p = {p!r}")
    if q_max == 0.5:
        raise ValueError("q_max is 0.5; expected a precision above 1/2: nothing could ever be learned")
    return float(p), float(q_max)


def _prior(prior: Any) -> tuple[float, float]:
    ends = (prior, prior) if is_number(prior) else prior
    fits = isinstance(ends, Sequence | np.ndarray) and len(ends) == 2 and all(map(is_number, ends))
    if not (fits and 0.0 < ends[0] <= ends[1] < 1.0):
        raise ValueError(f"prior is {prior!r}; expected a probability in (0, 1), or a range (low, high) of them")
    return float(ends[0]), float(ends[1])


def _discount(discount: Any) -> float:
    if probability("discount", discount) == 0.0:
        raise ValueError(f"discount is {discount!r}; expected a probability in (0, 1]")
    return float(discount)


def _periods(T: Any, survival: float) -> int:
    if T is not None:
        return positive_integer("T", T)
    periods = math.inf if survival == 1.0 else math.log(NEVER) / math.log(survival)
    if periods > MOST_PERIODS:
        raise ValueError(
            f"T=None with discount={survival!r}; expected a discount of at most {NEVER ** (1 / MOST_PERIODS):.6f}"
        )
    return math.ceil(periods)


def _hazard(hazard: Any) -> float:
    if not 0.0 <= number("hazard", hazard, "a probability in [0, 1/2)") < 0.5:
        raise ValueError(f"hazard is {hazard!r}; expected a probability in [0, 1/2)")
    return float(hazard)


def _check_network(T: Any, topics: int, hazard: float, shared_bias: bool) -> None:
    """Refuse what a network of naive agents leaves open."""
    for wrong, what in (
        (T is None, "T=None"),
        (topics > 1, f"topics={topics}"),
        (hazard > 0.0, f"hazard={hazard:g}"),
        (shared_bias, 'public_belief="biased"'),
    ):
        if wrong:
            raise ValueError(
                f"network=... with {what}; expected one topic, T agents, a state that lasts, and a Bayesian public belief"
            )


def _levels(levels: Any, p: float, q_max: float) -> NDArray[np.float64]:
    """The precisions on offer, increasing, the baseline among them."""
    if isinstance(levels, int | np.integer) and not isinstance(levels, bool):
        if levels < 2:
            raise ValueError(f"levels is {levels!r}; expected at least 2 precisions, a list of them, or None")
        values = np.round(np.linspace(0.5, q_max, int(levels)), 12)
    else:
        listed = isinstance(levels, Sequence | np.ndarray) and not isinstance(levels, str)
        values = as_array("levels", levels) if listed else None
        if values is None or values.ndim != 1 or not len(values) or values.dtype.kind not in "iuf":
            raise ValueError(f"levels is {levels!r}; expected a number of precisions, a list of them, or None")
        if not ((values >= 0.5) & (values <= q_max)).all():
            raise ValueError(f"levels are {levels!r}; expected precisions in [1/2, q_max] = [0.5, {q_max:g}]")
    apart = values[np.abs(values - p) > kernels.NEAR_BASELINE].astype(float)
    return np.unique(np.append(apart, p))


def _features(topics: int, q_max: float, history: bool, opinions: bool, agents: int) -> list[Feature]:
    def each(name: str, low: float, high: float, meaning: str) -> Feature:
        bounds = (low, high) if topics == 1 else (np.full(topics, low), np.full(topics, high))
        return Feature(name, *bounds, meaning)

    features = []
    if not history:
        features.append(each("public_belief", 0.0, 1.0, "probability of the good state, given all actions so far"))
        features.append(each("log_odds", -1.0, 1.0, "tanh(L / 4) of the log-odds L of the public belief"))
    if opinions and not history:
        features.append(
            each("opinion", -1.0, 1.0, "tanh(L / 4) of the log-odds L that the next agent takes from what she sees")
        )
    features.append(each("last_precision", 0.0, q_max, "precision of the latest signal; 0 at the start"))
    features.append(each("last_action", -1.0, 1.0, "the latest action: 1 good, -1 bad, 0 at the start"))
    features.append(each("last_informative", 0.0, 1.0, "whether the latest action said anything about the state"))
    if agents:
        meaning = "tanh(L / 4) of the log-odds L that each action speaks for at face value; 0 for those to come"
        features.append(Feature("said", np.full(agents, -1.0), np.full(agents, 1.0), meaning))
    return features


def _action_space(discrete: bool, topics: int, levels: int) -> spaces.Space[Any]:
    if not discrete:
        return spaces.Box(-1.0, 1.0, (topics,), np.float64)
    return spaces.Discrete(levels) if topics == 1 else spaces.MultiDiscrete([levels] * topics)
