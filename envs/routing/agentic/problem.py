"""`AgenticRouting`: an agent works through tasks, and a router picks the model that makes each of its moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.checks import boolean, non_negative, one_of, positive_integer, probability
from ...core.features import Feature
from ...core.metrics import Metric
from ...core.problem import Kernels, Problem, read_only
from . import kernels as k
from .boundary import LABELS, Boundary, boundary, label_probabilities
from .instances import make_profile
from .profile import DIFFICULTIES, ERROR_LEVELS, Profile
from .reading import LAST_MODEL, Reading
from .state import Params, Scales, State

REWARDS = ("sparse", "soft", "boundary", "gated", "windowed", "bill")
EXHAUSTION = ("cheapest", "bankrupt", "free")
DEFAULT_CALLS = 10
"""Large calls per task."""

FITTED = 1e-3
"""A fitted profile reaches its success rates up to this."""

MOST_TASKS = 1_000_000
"""More are a slip: an episode would take hours, and can't be interrupted."""


class AgenticRouting(Problem):
    r"""
    ## Description
    An agent works through a task of several subgoals. Before every move the router picks the model that makes it. A model
    whose tier does not suffice for the present subgoal fails more often, and more often without noticing: a silent failure
    looks like progress, and the task is lost unless a later step finds it. Whether the task was solved shows only at its
    end, and large calls are limited: which few moves are worth them? Model and evaluation follow Budget-Aware Agentic
    Routing (arXiv:2602.21227); that criticality is uneven, and tasks differ, follows tau2-bench and TwinRouterBench.

    A move at difficulty d with e errors succeeds with probability `sigmoid(skill - d - error_weight * e - gap_weight *
    missing tiers)`. Success reaches the subgoal and takes away an error; failure adds an error (3 at most), or is silent
    with probability `silent`, and `silent_gap` more if tiers are missing. A corrupted task goes on as if nothing were
    wrong; in every step the model finds the corruption with its probability `recovery`, which undoes one subgoal and leaves
    one error. See `budgetgym.envs.routing.agentic.profile`.

    ## Action Space
    `Discrete(N)`: the model that makes the next move, from the cheapest (0) to the most expensive. `stop=True` adds action N:
    give the task up and keep the money; `verify=True` adds N more at the end: ask that model for a verdict on the work so
    far. A verdict is right with the model's `verify_accuracy`; an accused subgoal is done again, rightly or not.

    ## Observation Space
    For N = 2 models:

    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | progress | share of the task's subgoals reached, as it seems | [0, 1] |
    | 1 | subgoals | number of subgoals, / the largest possible | [0, 1] |
    | 2 | errors | errors that weigh on the agent, / 3 | [0, 1] |
    | 3 | rolled_back | the latest step undid a subgoal | {0, 1} |
    | 4 | difficulty | estimate of the difficulty, in standard deviations of it | [-6, 6] |
    | 5 | criticality | signal of the tier that the subgoal requires, / the highest | [0, 1] |
    | 6 | prompt | tokens of the next prompt, / the longest possible | [0, 1] |
    | 7 | steps_left | share of the task's steps left | [0, 1] |
    | 8 | tasks_left | share of the episode's tasks left, this one included | [0, 1] |
    | 9 | last_model[0] | one-hot: the model of the latest call | {0, 1} |
    | 10 | last_model[1] | | {0, 1} |
    | 11 | warm[0] | share of the next prompt in that model's cache | [0, 1] |
    | 12 | warm[1] | | [0, 1] |
    | 13 | price[0] | expected cost of a call to that model now, / the most expensive possible | [0, 1] |
    | 14 | price[1] | | [0, 1] |
    | 15 | affordable[0] | the budget can pay such a call whatever the length of its output | {0, 1} |
    | 16 | affordable[1] | | {0, 1} |
    | 17 | large_calls_size | size of the budget: initial / (initial + what always-large uses) | [0, 1] |
    | 18 | large_calls_remaining | remaining share of the budget | [0, 1] |
    | 19 | time_remaining | remaining share of the episode's steps | [0, 1] |

    With `unit="dollars"` the budget's entries are named dollars. `budget_aware=False` leaves out `affordable` and the last
    three: a router that does not see its budget, as in the ablation of Budget Tracker (arXiv:2511.17006), whose success
    stops to grow with the budget. Hidden are difficulty, corruption and the tier that is required.

    ## Rewards
    At the end of every task, with s = 1 if it was solved, C what it took from the budget:

    | `reward` | Formula | Source |
    |---|---|---|
    | `"sparse"` | s | |
    | `"soft"` | s - cost_weight C | 2602.21227, soft objective |
    | `"boundary"` | s (1 + hard_bonus on hard tasks) - cost_weight C_norm | 2602.21227, BoPO |
    | `"gated"` | s (success_value - cost_weight C) | xRouter |
    | `"windowed"` | s (1 - cost_weight + cost_weight R), R = 1 - clip((sqrt C - q05) / (q95 - q05)) | Router-R1 |
    | `"bill"` | -(dollars + failure_price (1 - s)) | TwinRouterBench |

    C_norm = clip((C - C_min) / (C_max - C_min)), between the expected costs of always-small and always-large on the same
    task, whichever is less. q05 and q95 are quantiles of the costs of the last `window` tasks; the window runs on over
    episodes until a seed empties it, and before it holds 20 they are the boundary policies' mean costs. `shaping` adds
    that multiple of the potential progress / subgoals, which sums to 0 over a task.

    ## Budget
    One resource. `unit="calls"`: `large_calls`, calls of the highest tier; `unit="dollars"`: the bill of a meter with four
    buckets of tokens and a prefix cache per model that lives five minutes (`meter.py`), so that switching models has its
    price. A call is made only if its worst case is affordable, so a budget is never overspent. What happens instead
    (counted in `info["blocked"]`) is `exhaustion`: `"cheapest"` calls the first model of the pool, and ends the episode if
    even that can't be paid; `"free"` then calls it for nothing; `"bankrupt"` ends the episode with `bankruptcy_penalty`.
    `budget=` is an amount, `inf`, or a range to draw it from. Without it: 10 large calls per task, or half of what
    always-large costs. `tasks` > 1 makes an episode a stream of tasks that share the budget.

    ## Starting State
    The first subgoal of a task, cold caches. Difficulty is one of 16 equally likely classes of a normal law.

    ## Episode End
    A task ends when the last subgoal is (or seems) reached, after the profile's `T` steps, when the agent gives up
    (`give_up`, at three errors) or by STOP. The episode terminates after `tasks` tasks, or at the end of the money.

    ## Information
    The ledger; `success` (tasks solved), `large_calls`, `dollars`, `wasted` (dollars on intractable tasks), `bankrupt`,
    `trap_at_1` (tasks whose first move failed), `recovered` (tasks solved although a move had failed). For analysis also what
    is hidden, of the present task, or at the end of the last one: `difficulty_class` (0 easy, 1 hard, 2 intractable, by five
    trials of each boundary policy), `first_error_step` (number of the first move that failed; 0 none, NaN in results),
    `cost_min` and `cost_max` (C_min, C_max). And `action_mask`.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | instance | see Instances, or a `Profile` of your own | `"appworld"` |
    | log | replay logged outcomes instead: see `LoggedRouting` for its arguments | None |
    | unit | `"calls"` or `"dollars"` | `"calls"` |
    | budget | see Budget | 10 per task |
    | tasks | per episode | 1 |
    | reward | see Rewards | `"sparse"` |
    | cost_weight | lambda; by default .3, per what always-large costs where it multiplies C | .3 |
    | success_value, failure_price, hard_bonus, shaping | see Rewards | 1, .6, .5, 0 |
    | window | tasks whose costs the windowed reward compares with | 1000 |
    | exhaustion | `"cheapest"`, `"bankrupt"` or `"free"` | `"cheapest"` |
    | bankruptcy_penalty | see Budget | 5 |
    | stop, verify | see Action Space | False |
    | criticality_accuracy | probability that the signal is right; 1 / tiers is blind, 1 an oracle | .8 |
    | difficulty_noise | standard deviation of the estimate's error, in logits; 0 shows the class | 1 |
    | budget_aware | see Observation Space | True |

    ## Instances
    `"appworld"`, `"alfworld"`, `"webshop"`, `"sciworld"`, `"tau2-retail"`, `"tau2-airline"`, `"tau2-telecom"` (the expensive
    model is worse), `"swe"` (four tiers). Which of their numbers are published, and which are placeholders, stands in
    `budgetgym.envs.routing.agentic.instances`; `fit_profile` makes one from your own success rates.

    ## Exact optimum
    `budgetgym.baselines.routing.agentic.values`, for budgets in calls: the best router that knows the hidden state
    (an upper bound for all), and for two tiers the best router that knows the difficulty but has to infer the rest, which
    is exact for `difficulty_noise=0` and an upper bound otherwise (within half a point: the `belief` router comes that
    close). Shares of the optimum refer to the latter, for four tiers to the former. In dollars, they refer to what as many
    large calls are worth as the money can pay at best.

    ## References
    Budget-Aware Agentic Routing via Boundary-Guided Training. arXiv:2602.21227.
    TwinRouterBench. arXiv:2605.18859. tau2-bench, github.com/sierra-research/tau2-bench.

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    state_class = State
    metrics = (
        Metric("success", "success", "mean"),
        Metric("large_calls", "large calls", "mean"),
        Metric("dollars", "dollars", "mean"),
        Metric("wasted", "wasted", "mean"),
        Metric("bankrupt", "bankrupt", "hidden"),
        Metric("difficulty_class", "difficulty class", "hidden"),
        Metric("first_error_step", "first error step", "hidden", among="first_error_step"),
        Metric("trap_at_1", "trap at 1", "hidden"),
        Metric("recovered", "recovered", "hidden"),
        Metric("cost_min", "C_min", "hidden"),
        Metric("cost_max", "C_max", "hidden"),
    )

    @classmethod
    def variant(cls, settings: Mapping[str, Any]) -> type[Problem]:
        """With `log=`, the replay of logged outcomes."""
        if settings.get("log") is not None:
            from ..logged.problem import LoggedRouting

            return LoggedRouting
        return cls

    def __init__(
        self,
        *,
        instance: str | Profile = "appworld",
        log: None = None,
        unit: Literal["calls", "dollars"] = "calls",
        budget: Any = None,
        tasks: int = 1,
        reward: Literal["sparse", "soft", "boundary", "gated", "windowed", "bill"] = "sparse",
        cost_weight: float | None = None,
        success_value: float = 1.0,
        failure_price: float = 0.6,
        hard_bonus: float = 0.5,
        shaping: float = 0.0,
        window: int = 1000,
        exhaustion: Literal["cheapest", "bankrupt", "free"] = "cheapest",
        bankruptcy_penalty: float = 5.0,
        stop: bool = False,
        verify: bool = False,
        criticality_accuracy: float = 0.8,
        difficulty_noise: float = 1.0,
        budget_aware: bool = True,
    ) -> None:
        if log is not None:
            raise ValueError(
                f"log is {log!r}; AgenticRouting simulates, logs are played by LoggedRouting (or gym.make(id, log=...))"
            )
        self.profile = instance if isinstance(instance, Profile) else make_profile(str(instance))
        self._instance = "own profile" if isinstance(instance, Profile) else str(instance)
        self.tasks = positive_integer("tasks", tasks, MOST_TASKS)
        self.reward, self.unit = one_of("reward", reward, REWARDS), one_of("unit", unit, ("calls", "dollars"))
        self.stop, self.verify = boolean("stop", stop), boolean("verify", verify)
        self.resources = ("large_calls",) if unit == "calls" else ("dollars",)
        self.boundary = boundary(self.profile)
        self.remarks = (*self.profile.remarks, *_changes_since_fit(self.profile, self.boundary))
        models, tiers = len(self.profile.models), self.profile.tiers
        if probability("criticality_accuracy", criticality_accuracy) < 1 / tiers - 1e-12 and tiers > 1:
            raise ValueError(f"criticality_accuracy is {criticality_accuracy!r}; expected a probability in [1/{tiers}, 1]")

        calls, cost, most_expensive, least = self._costs()
        mean_cost = self.boundary.mean(cost, self.profile)
        always_large = mean_cost[-1] * tasks
        default = DEFAULT_CALLS * tasks if unit == "calls" else max(always_large / 2, least)
        self.kernels = Kernels(k.reset, k.step, k.observe, k.mask, k.resample)
        self.most_spend = most_expensive * self.profile.T * tasks
        boolean("budget_aware", budget_aware)
        super().__init__(
            params=Params(
                tasks=self.tasks,
                T=self.profile.T,
                in_dollars=unit == "dollars",
                calls=read_only(calls),
                stop=self.stop,
                verify=self.verify,
                exhaustion=EXHAUSTION.index(one_of("exhaustion", exhaustion, EXHAUSTION)),
                reward=REWARDS.index(reward),
                cost_weight=_cost_weight(cost_weight, reward, float(mean_cost[-1])),
                success_value=non_negative("success_value", success_value),
                failure_price=non_negative("failure_price", failure_price),
                hard_bonus=non_negative("hard_bonus", hard_bonus),
                bankruptcy_penalty=non_negative("bankruptcy_penalty", bankruptcy_penalty),
                shaping=non_negative("shaping", shaping),
                window=positive_integer("window", window),
                boundary_roots=read_only(np.sqrt(np.sort(mean_cost[[0, -1]]))),
                budget_aware=bool(budget_aware),
                **_profile_params(self.profile),
                labels=read_only(label_probabilities(self.boundary)),
                boundary_cost=read_only(np.sort(cost[[0, -1]], axis=0)),
                estimate_spread=math.hypot(self.profile.spread, non_negative("difficulty_noise", difficulty_noise)) or 1.0,
                estimate_noise=float(difficulty_noise),
                criticality_accuracy=float(criticality_accuracy) if tiers > 1 else 1.0,
                wrong_signals=(tiers - 1) / (1.0 - criticality_accuracy) if criticality_accuracy < 1 and tiers > 1 else 0.0,
                per=Scales(
                    subgoal=1.0 / max(self.profile.subgoals),
                    error=1.0 / (ERROR_LEVELS - 1),
                    tier=1.0 / max(tiers - 1, 1),
                    token=1.0 / self.profile.largest_prompt,
                    step=1.0 / self.profile.T,
                    task=1.0 / self.tasks,
                    price=1.0 / most_expensive,
                ),
            ),
            features=self._features(budget_aware),
            action_space=spaces.Discrete(models * (1 + self.verify) + self.stop),
            horizon=self.profile.T * self.tasks,
            budget=default if budget is None else budget,
            budget_scale=always_large,
            budget_aware=budget_aware,
            least_budget=0.0 if exhaustion == "free" else least,
        )

    def _features(self, budget_aware: bool) -> list[Feature]:
        none, all_models = np.zeros(len(self.profile.models)), np.ones(len(self.profile.models))
        features = [
            Feature("progress", 0.0, 1.0, "share of the task's subgoals reached, as it seems"),
            Feature("subgoals", 0.0, 1.0, "number of subgoals / the largest possible"),
            Feature("errors", 0.0, 1.0, "errors that weigh on the agent / 3"),
            Feature("rolled_back", 0.0, 1.0, "whether the latest step undid a subgoal"),
            Feature(
                "difficulty", -k.LARGEST_ESTIMATE, k.LARGEST_ESTIMATE, "estimate of the difficulty, in standard deviations"
            ),
            Feature("criticality", 0.0, 1.0, "signal of the tier that the subgoal requires / the highest"),
            Feature("prompt", 0.0, 1.0, "tokens of the next prompt / the longest possible"),
            Feature("steps_left", 0.0, 1.0, "share of the task's steps left"),
            Feature("tasks_left", 0.0, 1.0, "share of the episode's tasks left, this one included"),
            Feature("last_model", none, all_models, "the model of the latest call, one-hot"),
            Feature("warm", none, all_models, "share of the next prompt in each model's cache"),
            Feature("price", none, all_models, "expected cost of a call to each model now / the most expensive possible"),
        ]
        if budget_aware:
            meaning = "whether the budget can pay a call to each model, whatever the length of its output"
            features.append(Feature("affordable", none, all_models, meaning))
        return features

    @property
    def sizes(self) -> Mapping[str, int]:
        """Steps of a task, models, the entries of a posterior, and costs in the window of the windowed reward."""
        return {
            "steps": self.profile.T,
            "models": len(self.profile.models),
            "difficulties": DIFFICULTIES,
            "readings": 2 + self.profile.tiers,
            "window": self.params.window if self.reward == "windowed" else 1,
        }

    def check_state(self, state: State) -> None:
        """Running tasks must be some that this problem could have."""
        laws: Any = self.params.laws
        highest = {
            "task": self.tasks - 1,
            "step": self.profile.T - 1,
            "kind": len(laws.subgoals) - 1,
            "required": self.profile.tiers - 1,
            "signal": self.profile.tiers - 1,
            "first_signal": self.profile.tiers - 1,
            "last_model": len(self.profile.models) - 1,
        }
        running = ~state.finished
        for name, limit in highest.items():
            if (getattr(state, name)[running] > limit).any():
                raise ValueError(f"the snapshot is of another problem: {self.instance} has no {name} above {limit}")
        if (state.progress[running] >= laws.subgoals[state.kind[running]]).any():
            raise ValueError(f"the snapshot is of another problem: {self.instance} has tasks with fewer subgoals")

    @property
    def action_meaning(self) -> Mapping[str, str]:
        """The models, and what can be done besides calling them."""
        names = ", ".join(model.name for model in self.profile.models)
        return {"models": names, "stop": str(self.stop), "verify": str(self.verify)}

    @property
    def score(self) -> str:
        """`success` where that is all that is rewarded, otherwise the return."""
        rewards_success_alone = self.reward == "sparse" and self.params.exhaustion != k.BANKRUPT
        return "success" if rewards_success_alone else "return"

    @property
    def instance(self) -> str:
        """The instance's name."""
        return f"instance {self._instance}" if self._instance != "own profile" else self._instance

    @property
    def reading(self) -> Reading:
        """What routers need to read observations."""
        profile, models = self.profile, len(self.profile.models)
        return Reading(
            models=models,
            tiers=profile.tiers,
            subgoals=max(profile.subgoals),
            steps=profile.T,
            budget_scale=float(self.budget_scale[0]),
            affordable=LAST_MODEL + 3 * models,
            budget=LAST_MODEL + 4 * models,
        )

    @property
    def labels(self) -> dict[str, float]:
        """Shares of easy, hard and intractable tasks."""
        shares = self.params.labels.mean(axis=0).T @ self.profile.laws().subgoals_pmf
        return dict(zip(LABELS, shares.tolist(), strict=True))

    def _costs(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
        """In the budget's unit: calls that each model's call counts (N,), what the boundary policies use on every kind of
        task (N, D, S), the most expensive call there can be, and the cheapest first one."""
        models = self.profile.models
        top = max(model.tier for model in models)
        calls = np.array([float(model.tier == top) for model in models])
        if self.unit == "calls":
            return calls, calls[:, None, None] * self.boundary.calls, 1.0, 0.0
        read, write, output = self.profile.prices().T
        longest = np.maximum(self.profile.tokens()[:, -1], self.profile.verdict_tokens)
        most_expensive = np.max(np.maximum(read, write) * self.profile.largest_prompt + output * longest)
        least = np.min(write * self.profile.first_prompt + output * self.profile.tokens()[:, -1])
        if not most_expensive > 0:
            names = [model.name for model in models]
            raise ValueError(f"unit is 'dollars'; models {names} cost nothing, so that no budget could limit their calls")
        return calls, self.boundary.dollars, float(most_expensive), float(least)


def _changes_since_fit(profile: Profile, bounds: Boundary) -> tuple[str, ...]:
    """What to say of a profile that does not have the success rates any more that it was fitted to."""
    now = dict(zip(("small", "large"), bounds.mean(bounds.success, profile)[[0, -1]].tolist(), strict=True))
    if all(abs(now[name] - value) < FITTED for name, value in profile.fitted_to if name in now):
        return ()
    rates = f"the first model succeeds at {now['small']:.3g} of the tasks, the last one at {now['large']:.3g}"
    return (f"the profile was changed after it was fitted: {rates}",)


def _cost_weight(value: float | None, reward: str, large_cost: float) -> float:
    if value is not None:
        return non_negative("cost_weight", value)
    return 0.3 if reward in ("boundary", "windowed") else 0.3 / max(large_cost, 1e-12)


def _profile_params(profile: Profile) -> dict[str, Any]:
    """What the kernels read of a profile."""
    laws, tokens = profile.laws(), profile.tokens()
    arrays = {name: read_only(part) for name, part in laws._asdict().items() if isinstance(part, np.ndarray)}
    return {
        "laws": laws._replace(**arrays),
        "difficulty": read_only(profile.difficulty()),
        "prices": read_only(profile.prices()),
        "tokens": read_only(tokens),
        "mean_tokens": read_only(tokens.mean(axis=1)),
        "verdict_tokens": float(profile.verdict_tokens),
        "seconds": read_only(np.array([model.seconds for model in profile.models], float)),
        "cache_seconds": float(profile.cache_seconds),
        "first_prompt": float(profile.first_prompt),
        "observation_tokens": float(profile.observation_tokens),
    }
