"""How the agents of a society decide and learn: from Bayes' rule to what people and language models were seen to do.

All beliefs are log-odds of the state being good, `L = log(b / (1 - b))`, and a signal of precision q has the strength
`log(q / (1 - q))`. An agent with opinion L weighs her signal s (+1 good, -1 bad) as

    x = prior_weight * L + s * (w * strength + self_trust),    w = confirming if s has the sign of L, else contradicting

and chooses the good action if x > 0, the bad one if x < 0. Bayes' rule is the case 1, 1, 1, 0. The follow rule (alpha, c)
"act on the signal iff alpha * strength + c >= |L|" is `contradicting=alpha, self_trust=c`; Grether's rule has its weights in
`prior_weight` and in equal `confirming` and `contradicting`. A finite `rationality` makes the choice a logit (quantal
response): good with probability 1 / (1 + exp(-rationality * x)). A share of `stubborn` agents chooses by the toss of a coin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.checks import non_negative, number, probability
from ..core.jit import jit
from ..hints import near

TIE = 1e-9
"""Log-odds this near to each other are equal. From a prior of 1/2 nearly every path meets ties, which decide the result."""

CERTAIN = 40.0
"""Log-odds of certainty: the probability of an error is 4e-18."""


class Behaviour(NamedTuple):
    """How agents weigh what they know; see the formulas of this module.

    Grether, Bayes rule as a descriptive model (QJE 1980); Weizsaecker, Do we follow others when we should? (AER 2010).
    """

    prior_weight: float = 1.0
    """Of the public belief, >= 0. Below 1 is base-rate neglect."""
    confirming: float = 1.0
    """Weight of a signal that agrees with the belief, >= 0. Below 1 is conservatism."""
    contradicting: float = 1.0
    """Weight of a signal that contradicts the belief, or meets none, >= 0."""
    self_trust: float = 0.0
    """Log-odds that speak for the own signal, however weak it is, >= 0."""
    rationality: float = math.inf
    """Of the logit choice, > 0; infinite: the better action for sure."""
    stubborn: float = 0.0
    """Share of agents who ignore everything and toss a coin, in [0, 1)."""

    @property
    def certain_choice(self) -> bool:
        """Whether an agent's signal and belief determine the choice of all who are not stubborn."""
        return math.isinf(self.rationality)


BEHAVIOURS: dict[str, Behaviour] = {
    "bayes": Behaviour(),
    "weizsacker": Behaviour(self_trust=math.log(2.0)),
    "overweight": Behaviour(contradicting=1.5),
    "underweight": Behaviour(contradicting=0.5),
    "grether": Behaviour(prior_weight=0.88, confirming=0.51, contradicting=0.51),
    "llm_like": Behaviour(confirming=0.7, contradicting=1.4),
    "logit": Behaviour(rationality=3.0),
    "stubborn": Behaviour(stubborn=0.2),
}
"""name -> behaviour. "weizsacker": players contradict their signal only at odds above 2 to 1 (13 experiments). "grether": the
weights of Ashinoff et al. (2022) for 60:40 beads. "llm_like": the signs that "Steering the Herd" reports of language models,
too little weight on confirming and too much on contradicting signals; the sizes are ours."""


def read_behaviour(value: Any) -> tuple[str, Behaviour]:
    """The name and the behaviour that a name, a mapping of fields or a `Behaviour` stands for.

    Raises:
        ValueError: an unknown name or field, or a value out of its range.
    """
    if isinstance(value, str):
        if value not in BEHAVIOURS:
            raise ValueError(f"agents is {value!r}{near(value, list(BEHAVIOURS))}")
        return value, BEHAVIOURS[value]
    if isinstance(value, Behaviour):
        value = value._asdict()
    if not isinstance(value, Mapping):
        raise ValueError(f"agents is {value!r}; expected a name ({', '.join(BEHAVIOURS)}), a mapping or a Behaviour")
    for field in value:
        if field not in Behaviour._fields:
            raise ValueError(f"agents has the field {field!r}{near(str(field), list(Behaviour._fields))}")
    behaviour = Behaviour(**value)
    for field in ("prior_weight", "confirming", "contradicting", "self_trust"):
        non_negative(f"agents' {field}", getattr(behaviour, field))
    if not number("agents' rationality", behaviour.rationality, "a number > 0, or infinity") > 0:
        raise ValueError(f"agents' rationality is {behaviour.rationality!r}; expected a number > 0, or infinity")
    if probability("agents' stubborn", behaviour.stubborn) == 1.0:
        raise ValueError("agents' stubborn is 1; expected a share below 1, nobody would listen")
    return _name(behaviour), Behaviour(*map(float, behaviour))


def _name(behaviour: Behaviour) -> str:
    """The name of a known behaviour, or what distinguishes it from Bayes' rule."""
    for name, known in BEHAVIOURS.items():
        if known == behaviour:
            return name
    bayes = Behaviour()._asdict()
    return " ".join(f"{field}={value:g}" for field, value in behaviour._asdict().items() if value != bayes[field])


@jit
def log_odds(probability):
    """log(b / (1 - b)), at most CERTAIN from 0."""
    if probability <= 0.0:
        return -CERTAIN
    if probability >= 1.0:
        return CERTAIN
    return min(max(np.log(probability / (1.0 - probability)), -CERTAIN), CERTAIN)


@jit
def belief(log_odds):
    """The probability of the good state, from its log-odds."""
    return 1.0 / (1.0 + np.exp(-log_odds))


@jit
def _chooses_good(behaviour, opinion, x, signal, own_on_ties):
    """Probability of the good action of an agent who is not stubborn, with log-odds x after her signal (+1 or -1)."""
    if behaviour.rationality < np.inf:
        return 1.0 / (1.0 + np.exp(-min(max(behaviour.rationality * x, -700.0), 700.0)))
    # Arithmetic instead of branches: which way they go would be a coin toss for the processor's branch prediction.
    own = own_on_ties | (abs(opinion) <= TIE)
    torn = (own & (signal > 0.0)) | (~own & (opinion > 0.0))
    return 1.0 * ((x > TIE) | ((x >= -TIE) & torn))


@jit
def response(behaviour, opinion, strength, own_on_ties):
    """Probabilities of the good action after a good signal and after a bad one, of an agent who is not stubborn.

    Args:
        behaviour: see `Behaviour`.
        opinion: log-odds that she takes from what is public.
        strength: log(q / (1 - q)) of her signal, >= 0.
        own_on_ties: if she is torn, she acts on her signal; otherwise on her opinion.
    """
    prior = behaviour.prior_weight * opinion
    good = prior + behaviour.self_trust + strength * (behaviour.confirming if opinion > TIE else behaviour.contradicting)
    bad = prior - behaviour.self_trust - strength * (behaviour.confirming if opinion < -TIE else behaviour.contradicting)
    return (
        _chooses_good(behaviour, opinion, good, 1.0, own_on_ties),
        _chooses_good(behaviour, opinion, bad, -1.0, own_on_ties),
    )


@jit
def choice_law(behaviour, after_good, after_bad, q):
    """Probability of the good action in the good state, and in the bad one, from the `response` to a signal of precision q."""
    listen = 1.0 - behaviour.stubborn
    toss = 0.5 * behaviour.stubborn
    return listen * (q * after_good + (1.0 - q) * after_bad) + toss, listen * ((1.0 - q) * after_good + q * after_bad) + toss


@jit
def evidence(behaviour, after_good, after_bad, q, strength, good_action):
    """What an action says about the state, in log-odds: 0 in a cascade; of an agent who acts on her signal its strength."""
    if behaviour.rationality == np.inf and behaviour.stubborn == 0.0:
        return (after_good - after_bad) * (strength if good_action else -strength)
    return log_likelihood_ratio(behaviour, after_good, after_bad, q, good_action)


@jit
def log_likelihood_ratio(behaviour, after_good, after_bad, q, good_action):
    """Of the good state to the bad one, given an action of agents with any probabilities of the good one; at most CERTAIN."""
    if after_good == after_bad:
        return 0.0
    in_good, in_bad = choice_law(behaviour, after_good, after_bad, q)
    if not good_action:
        in_good, in_bad = 1.0 - in_good, 1.0 - in_bad
    if in_bad <= 0.0 or in_good <= 0.0:
        return CERTAIN if in_good > 0.0 else -CERTAIN
    return np.log(in_good / in_bad)


@jit
def learn(behaviour, opinion, said):
    """The opinion after evidence, by the agents' own weights. What says nothing changes nothing."""
    if said == 0.0:
        return opinion
    agrees = said * opinion > 0.0 and abs(opinion) > TIE
    weight = behaviour.confirming if agrees else behaviour.contradicting
    return bounded(behaviour.prior_weight * opinion + weight * said)


@jit
def bounded(log_odds):
    """Log-odds within certainty."""
    return min(max(log_odds, -CERTAIN), CERTAIN)


@jit
def drift(L, hazard):
    """Log-odds after the state has switched with probability `hazard`, unseen."""
    if hazard == 0.0:
        return L
    b = belief(L)
    return log_odds((1.0 - hazard) * b + hazard * (1.0 - b))


@jit
def error_probability(b, in_good, in_bad):
    """Of a wrong action, at belief b, where the good action has these probabilities in the good and in the bad state."""
    return b * (1.0 - in_good) + (1.0 - b) * in_bad


@jit
def unwanted_probability(biased, b, in_good, in_bad):
    """Of an action that the planner does not want: the bad one if he is biased, else a wrong one; likewise."""
    return 1.0 - good_probability(b, in_good, in_bad) if biased else error_probability(b, in_good, in_bad)


@jit
def good_probability(b, in_good, in_bad):
    """Of the good action, likewise."""
    return b * in_good + (1.0 - b) * in_bad
