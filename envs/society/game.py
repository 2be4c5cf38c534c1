"""`Society`: the arguments of a world with a planner and agents who learn, read and checked, and the spaces of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from gymnasium import spaces

from ..core.checks import boolean, non_negative, one_of, positive_integer
from ..steering.problem import SocialSteering
from .state import EMPIRICAL, NONE, PUBLIC_BELIEFS, Params


class Society:
    r"""
    ## Description
    Social learning as in `SocialSteering`, but those who learn from each other are players too. A state is good or bad,
    nobody knows which. Agents act once each, in cohorts of `cohort`, by default one after another: an agent gets a private
    signal that is right with probability q, sees what is public, and wants to choose the action that fits the state. A
    planner, who knows no more than the public, commits the precision q before every cohort; effort pays for it.

    ## Agents
    `planner`, `agent_0` ... `agent_{n_agents - 1}`.

    ## Action Space
    Planner: as in `SocialSteering`, `Box(-1, 1, (1,))`, the precision on a scale from 1/2 to `q_max`, rounded to the nearest
    of the `levels`; or with `discrete=True`, `Discrete(len(levels))`. Agents: `Discrete(2)`, 1 is the good action.

    ## Observation Space
    Planner: as in `SocialSteering` with one topic. Of a cohort, last_action is the mean of its actions, last_informative the
    share of those that said something about the state. float64.

    Agents, `observation="belief"`:

    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | public_belief | probability of the good state, given all actions so far; see Public belief | [0, 1] |
    | 1 | log_odds | tanh(L / 4) of that belief | [-1, 1] |
    | 2 | precision | q, probability that her signal is right; 0 before she has one | [0, q_max] |
    | 3 | signal | 1 good, -1 bad, 0 before she has one | [-1, 1] |

    `observation="history"` has instead of the first two actions[0..n_agents-1] (1 good, -1 bad, 0 not yet) and
    precisions[0..n_agents-1] (0 not yet) of all agents. Nobody sees the state or a signal of another.

    ## Public belief
    What an action says about the state depends on how the agent chose it. Of agents who learn nobody knows that, so the
    public belief **is an assumption**, which `info["public_belief"]` names:

    - `"assumed_bayes"`: actions are read as if agents followed Bayes' rule, with ties decided by `ties`. If they do not,
      the belief is wrong.
    - `"empirical"`: the probability of an action given the signal is the share of agents who acted so in all past episodes
      of this world, in the same situation: at nearly the same public belief (bins of 1/4 in log-odds) and the same
      precision. Where an agent with one of the signals was never seen, actions say nothing. Of agents who don't change it
      becomes right, up to the bins; learners change, and it lags behind them. If they also make mistakes, it is never
      exact, and who would be torn exactly is not. It reads the signals of past episodes, none of this one. Seeding a world
      makes it forget.
    - `"none"`: there is no public belief, the history alone is observed.

    ## Rewards
    Agents, once: -C for a wrong action. Planner, `objective="altruistic"`: -C for each wrong action of the cohort;
    `"biased"`: -C for each bad one, right or wrong; minus `price` times the effort. `reward="realised"` is what happened.
    Realised, **the altruistic planner's reward shows the hidden state**. `reward="expected"` is the mean given what is known:
    the agent's, given the public belief and her signal; the planner's, given the public belief after the cohort has acted.
    It is as right as the public belief is.

    ## Budget
    The planner's effort, as in `SocialSteering`; every member of a cohort takes the effort of its precision. What is not
    affordable becomes the nearest precision that is, down to the free baseline p, and is counted in `info["blocked"]`.

    ## Starting State
    The public belief is the `prior`, or drawn from a range; the state is drawn from it.

    ## Episode End
    An agent terminates when her cohort has acted, the planner after the last one. Nothing is truncated.

    ## Information
    `public_belief`, for all. The planner's ledger: `cost`, `spent`, `remaining`, `blocked`, and if `discrete`, `action_mask`.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | n_agents | agents per episode; a multiple of `cohort` | 10 |
    | cohort | agents who act at once, on the history before them | 1 |
    | public_belief | `"assumed_bayes"`, `"empirical"` or `"none"`, see above | `"assumed_bayes"` |
    | objective, prior, p, q_max, levels, C, k, cost, price, ties | as in `SocialSteering` | as there |
    | budget | effort of an episode: an amount, a range, or None for no limit | 0.6 |
    | reward | `"realised"` or `"expected"` | `"realised"` |
    | observation | `"belief"` or `"history"`, for all; by default the belief where there is one | None |
    | discrete, budget_aware | of the planner, as in `SocialSteering` | False, True |

    ## Exact optimum
    With agents as assumed (`budgetgym.baselines.society.agents.BayesianAgents`), one to a cohort, the planner's problem is
    `SocialSteering`, episode by episode with the same seeds, and so is its optimum. With other agents none is known.

    ## References
    R. Arghal, K. He, S. Saeedi Bidokhti, S. Sarkar: Steering the Herd: A Framework for LLM-based Control of Social Learning.
    ICLR 2026, arXiv:2504.02648. S. Bikhchandani, D. Hirshleifer, I. Welch: A theory of fads, fashion, custom, and cultural
    change as informational cascades. Journal of Political Economy, 1992.

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    settings: dict[str, Any]
    """The arguments that it was made with."""

    def __new__(cls, **settings: Any) -> Self:
        """Keep the arguments: it is pickled as these, so that the compiled code of all copies is the same."""
        game = super().__new__(cls)
        game.settings = settings
        return game

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as the settings that it was made with."""
        return _made_again, (self.settings,)

    def __deepcopy__(self, memo: Any) -> Self:
        """It never changes, so that copies of environments share it."""
        return self

    def __init__(
        self,
        *,
        n_agents: int = 10,
        cohort: int = 1,
        public_belief: Literal["assumed_bayes", "empirical", "none"] = "assumed_bayes",
        objective: Literal["altruistic", "biased"] = "altruistic",
        prior: float | tuple[float, float] = 0.5,
        p: float = 0.7,
        q_max: float = 0.9,
        levels: int | Sequence[float] | None = 5,
        C: float = 1.0,
        k: float = 1.0,
        cost: Literal["linear", "concave", "quadratic"] = "linear",
        price: float = 0.0,
        budget: Any = 0.6,
        ties: Literal["signal", "belief"] = "signal",
        reward: Literal["realised", "expected"] = "realised",
        observation: Literal["belief", "history"] | None = None,
        discrete: bool = False,
        budget_aware: bool = True,
    ) -> None:
        self.n_agents = positive_integer("n_agents", n_agents)
        self.cohort = positive_integer("cohort", cohort)
        if n_agents % cohort:
            raise ValueError(f"n_agents is {n_agents} with cohort={cohort}; expected a multiple of it")
        self.rounds = n_agents // cohort
        """Cohorts per episode."""
        self.public_belief = one_of("public_belief", public_belief, PUBLIC_BELIEFS)
        kind = PUBLIC_BELIEFS.index(public_belief)
        if observation is None:
            observation = "history" if kind == NONE else "belief"
        _check_belief(kind, observation, reward, levels)
        self.planner = SocialSteering(
            objective=objective,
            prior=prior,
            p=p,
            q_max=q_max,
            levels=levels,
            C=C,
            k=non_negative("k", k) * cohort,
            cost=cost,
            price=price,
            T=self.rounds,
            budget=budget,
            ties=ties,
            reward=reward,
            observation=observation,
            discrete=boolean("discrete", discrete),
            budget_aware=budget_aware,
        )
        """The planner's problem, if agents are as assumed and one to a cohort. In any case its observations and actions are
        the planner's, so that what was made or trained for it (a `Policy` of the baselines, PPO) can be the planner here."""
        self.params = Params(self.planner.params, self.planner.rules(), kind, self.cohort)
        self.agent_action_space = spaces.Discrete(2)
        self.agent_observation_names = _names(self.n_agents, observation)
        self.agent_observation_space = _space(self.agent_observation_names, q_max)


def _made_again(settings: dict[str, Any]) -> Society:
    return Society(**settings)


def _check_belief(kind: int, observation: Any, reward: Any, levels: Any) -> None:
    """Refuse what has no meaning with this public belief."""
    name = PUBLIC_BELIEFS[kind]
    if kind == NONE and observation == "belief":
        raise ValueError(f"observation is {observation!r} with public_belief={name!r}; expected 'history'")
    if kind == NONE and reward == "expected":
        raise ValueError(f"reward is {reward!r} with public_belief={name!r}; expected 'realised', or a public belief")
    if kind == EMPIRICAL and levels is None:
        raise ValueError(f"levels is None with public_belief={name!r}; expected precisions that occur again and again")


def _names(agents: int, observation: str) -> tuple[str, ...]:
    """What the entries of an agent's observation are called."""
    public = ["public_belief", "log_odds"]
    if observation == "history":
        public = [f"{what}[{j}]" for what in ("actions", "precisions") for j in range(agents)]
    return (*public, "precision", "signal")


def _space(names: tuple[str, ...], q_max: float) -> spaces.Box:
    lowest = {"log_odds": -1.0, "actions": -1.0, "signal": -1.0}
    highest = {"precision": q_max, "precisions": q_max}
    kinds = [name.split("[")[0] for name in names]
    low, high = [lowest.get(kind, 0.0) for kind in kinds], [highest.get(kind, 1.0) for kind in kinds]
    return spaces.Box(np.array(low), np.array(high), dtype=np.float64)
