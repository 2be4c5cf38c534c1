"""The truth about small steering problems in plain Python: expectimax, and the exact value of a fixed policy.

Written from the model, not from the code: beliefs by Bayes' rule on the probabilities of an action in either state.
"""

import math
from functools import cache
from itertools import product
from typing import Any

CERTAIN = 40.0
TIE = 1e-9
DEFAULTS: dict[str, Any] = {
    "objective": "altruistic",
    "prior": 0.5,
    "p": 0.7,
    "q_max": 0.9,
    "levels": [0.5, 0.6, 0.7, 0.8, 0.9],
    "C": 1.0,
    "k": 1.0,
    "cost": "linear",
    "price": 0.0,
    "T": 20,
    "discount": 1.0,
    "agents": "bayes",
    "public_belief": "bayesian",
    "ties": "signal",
    "hazard": 0.0,
    "topics": 1,
    "network": None,
}
BAYES = {"prior_weight": 1, "confirming": 1, "contradicting": 1, "self_trust": 0, "rationality": math.inf, "stubborn": 0}
AGENTS: dict[str, dict[str, float]] = {
    "bayes": {},
    "weizsacker": {"self_trust": math.log(2)},
    "overweight": {"contradicting": 1.5},
    "underweight": {"contradicting": 0.5},
    "grether": {"prior_weight": 0.88, "confirming": 0.51, "contradicting": 0.51},
    "llm_like": {"confirming": 0.7, "contradicting": 1.4},
    "logit": {"rationality": 3},
    "stubborn": {"stubborn": 0.2},
}


def logit(b: float) -> float:
    return max(-CERTAIN, min(CERTAIN, math.log(b / (1 - b)))) if 0 < b < 1 else math.copysign(CERTAIN, b - 0.5)


def sigmoid(L: float) -> float:
    return 1 / (1 + math.exp(-max(L, -700.0)))


def sign(L: float) -> int:
    return (L > TIE) - (L < -TIE)


class Truth:
    """A steering problem. A topic's state: log-odds of the planner and of the agents, actions at face value, latest action."""

    def __init__(self, **settings: Any) -> None:
        s = DEFAULTS | settings
        assert not set(s) - set(DEFAULTS), set(s) - set(DEFAULTS)
        self.s = s
        agents = s["agents"]
        self.mind = BAYES | (AGENTS[agents] if isinstance(agents, str) else dict(agents))
        self.levels = sorted({q for q in s["levels"] if abs(q - s["p"]) > 1e-6} | {s["p"]}) if s["levels"] else None
        self.apart = s["public_belief"] == "biased"
        self.network = s["network"]

    # --- one agent ------------------------------------------------------------------------------------------------------

    def cost(self, q: float) -> float:
        s, d = self.s, q - self.s["p"]
        d = abs(d) if s["objective"] == "biased" else max(d, 0)
        scale = s["k"] * (1 - s["p"])
        return scale * (d / (1 - s["p"])) ** {"linear": 1, "concave": 0.5, "quadratic": 2}[s["cost"]]

    def good_choice(self, opinion: float, q: float, signal: int) -> float:
        """Probability of the good action of one who listens."""
        m = self.mind
        weight = m["confirming"] if signal == sign(opinion) else m["contradicting"]
        x = m["prior_weight"] * opinion + signal * (weight * logit(q) + m["self_trust"])
        if m["rationality"] < math.inf:
            return sigmoid(m["rationality"] * x)
        torn = signal if self.s["ties"] == "signal" or not sign(opinion) else sign(opinion)
        return float((sign(x) or torn) > 0)

    def law(self, opinion: float, q: float) -> tuple[float, float]:
        """Probability of the good action in the good state and in the bad one."""
        up, down = self.good_choice(opinion, q, 1), self.good_choice(opinion, q, -1)
        share = self.mind["stubborn"]
        return tuple((1 - share) * (x * up + (1 - x) * down) + share / 2 for x in (q, 1 - q))  # type: ignore[return-value]

    def start(self, b: float) -> tuple[Any, ...]:
        self.prior = logit(b)
        return (self.prior, self.prior, (), 0)

    def forget(self, L: float) -> float:
        h = self.s["hazard"]
        return logit((1 - h) * sigmoid(L) + h * (1 - sigmoid(L))) if h else L

    def period(self, state: tuple[Any, ...], t: int, q: float) -> tuple[float, list[tuple[float, tuple[Any, ...]]]]:
        """Expected reward of the action alone, and what may follow with its probability."""
        L, opinion, faces, _ = state
        if self.network is not None:
            opinion = self.prior + sum(f for f, seen in zip(faces, self.network[t], strict=False) if seen)
            opinion = max(-CERTAIN, min(CERTAIN, opinion))
        elif not self.apart:
            opinion = L
        good, bad = self.law(opinion, q)
        b = sigmoid(L)
        likely = b * good + (1 - b) * bad
        unwanted = 1 - likely if self.s["objective"] == "biased" else b * (1 - good) + (1 - b) * bad
        after = []
        for action, chance, in_good, in_bad in ((1, likely, good, bad), (-1, 1 - likely, 1 - good, 1 - bad)):
            if chance <= 1e-15:
                continue
            if abs(in_good - in_bad) < 1e-15:
                said = 0.0
            elif min(in_good, in_bad) < 1e-15:
                said = CERTAIN if in_good > in_bad else -CERTAIN
            else:
                said = math.log(in_good / in_bad)
            later = self.forget(max(-CERTAIN, min(CERTAIN, L + said)))
            theirs = 0.0
            if self.apart:
                w = self.mind["confirming"] if sign(said) and sign(said) == sign(opinion) else self.mind["contradicting"]
                theirs = self.mind["prior_weight"] * opinion + w * said if said else opinion
                theirs = self.forget(max(-CERTAIN, min(CERTAIN, theirs)))
            seen = (*faces, action * logit(q)) if self.network is not None else ()
            after.append((chance, (round(later, 11), round(theirs, 11), seen, action)))
        return -self.s["C"] * unwanted, after

    def joint(self, states: Any, t: int, bought: tuple[float, ...]) -> tuple[float, list[tuple[float, Any]]]:
        """The same for all topics."""
        parts = [self.period(state, t, q) for state, q in zip(states, bought, strict=True)]
        reward = sum(part[0] for part in parts) - self.s["price"] * sum(map(self.cost, bought))
        after = [(math.prod(c for c, _ in way), tuple(x for _, x in way)) for way in product(*(part[1] for part in parts))]
        return reward, after

    # --- values ---------------------------------------------------------------------------------------------------------

    def optimum(self, budget: float, prior: float | None = None) -> float:
        """Expectimax over everything that can be bought."""
        prior = self.s["prior"] if prior is None else prior
        assert self.levels is not None

        @cache
        def value(t: int, left: float, states: Any) -> float:
            if t == self.s["T"]:
                return 0.0
            best = -math.inf
            for bought in product(self.levels, repeat=self.s["topics"]):
                spent = sum(map(self.cost, bought))
                if spent <= left + 1e-9:
                    reward, after = self.joint(states, t, bought)
                    rest = round(max(left - spent, 0.0), 9)
                    ahead = sum(c * value(t + 1, rest, tuple((*x[:3], 0) for x in follow)) for c, follow in after)
                    best = max(best, reward + self.s["discount"] * ahead)
            return best

        return value(0, round(budget, 9), (self.start(prior),) * self.s["topics"])

    def buy(self, q: float, left: float) -> float:
        """The affordable precision nearest to the one asked for."""
        p = self.s["p"]
        if self.levels is not None:
            between = [x for x in self.levels if min(p, q) - 1e-12 <= x <= max(p, q) + 1e-12]
            return min((x for x in between if self.cost(x) <= left + 1e-9), key=lambda x: abs(x - q))
        low, high = 0.0, 1.0  # share of the way from p
        if self.cost(q) <= left + 1e-9:
            return q
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.cost(p + middle * (q - p)) <= left else (low, middle)
        return p + low * (q - p)

    def policy_value(self, policy: Any, budget: float, prior: float | None = None) -> float:
        """The expected return of `policy(t, last actions) -> precisions asked for`."""
        prior = self.s["prior"] if prior is None else prior

        @cache
        def value(t: int, left: float, states: Any) -> float:
            if t == self.s["T"]:
                return 0.0
            bought, rest = [], left
            for q in policy(t, tuple(x[3] for x in states)):
                bought.append(self.buy(q, rest))
                rest = max(rest - self.cost(bought[-1]), 0.0)
            reward, after = self.joint(states, t, tuple(bought))
            return reward + self.s["discount"] * sum(c * value(t + 1, round(rest, 11), follow) for c, follow in after)

        return value(0, budget, (self.start(prior),) * self.s["topics"])
