"""`WorkflowRouting`: which model works on which subtask, and how often at once, within a budget and a deadline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..core.budget import Budget, as_budget
from ..core.checks import natural, positive_integer
from ..core.features import Feature
from ..core.ledger import ROUNDING
from ..core.metrics import Metric
from ..core.problem import Kernels, Problem, read_only
from . import kernels as k
from .instances import make_workflow
from .reading import Reading
from .state import Params, State
from .workflow import TOKENS_PER_PRICE, Workflow

DOLLARS, SECONDS = "dollars", "seconds"


class WorkflowRouting(Problem):
    r"""
    ## Description
    A workflow is a directed acyclic graph of subtasks whose results can be verified: write a function and run its tests,
    prove a lemma and check it. Every subtask can be given to one of several models, which differ in price, speed and how
    often their samples pass; several samples may be drawn at once. A subtask is completed when one sample passes, failures
    may be retried, and a subtask becomes ready when all before it are completed. The whole must be completed with at most
    `B` dollars within `D` seconds: the score is the probability of that, `P(completed, cost <= B, time <= D)`. Model and
    planner follow MCPP (Wang et al., 2026).

    Time passes in synchronised rounds: all samples that are launched together run side by side, the round lasts as long as
    its longest sample, and then their results are known. A sample of model `m` with `L` tokens costs `price_m * L` and takes
    `L / speed_m`. So n samples of fixed length pass with probability `1 - (1 - p)^n`, cost n samples and take one's time.

    Left out: a subtask that passes early waits for its round (there is no clock of single launches); samples are not stopped
    when a sibling passes; prompts, verifiers and latency to the first token are free; probabilities and lengths are known
    and do not depend on how earlier subtasks went.

    ## Action Space
    `MultiDiscrete([1 + M * N] * V)` for V subtasks, M models and up to N parallel samples: entry v is 0 to leave subtask v
    for this round, or `1 + m * N + (n - 1)` for n samples of model m. Entries of subtasks that are not ready are ignored.

    ## Observation Space
    For the default instance, `"diamond"` (V = 4); others have V entries in place of 4.

    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | done[0] | whether subtask 0 is completed | {0, 1} |
    | 1 | done[1] | likewise subtask 1 | {0, 1} |
    | 2 | done[2] | likewise subtask 2 | {0, 1} |
    | 3 | done[3] | likewise subtask 3 | {0, 1} |
    | 4 | ready[0] | whether subtask 0 can be worked on | {0, 1} |
    | 5 | ready[1] | likewise subtask 1 | {0, 1} |
    | 6 | ready[2] | likewise subtask 2 | {0, 1} |
    | 7 | ready[3] | likewise subtask 3 | {0, 1} |
    | 8 | attempts[0] | a / (a + 1) for the a samples drawn of subtask 0 | [0, 1] |
    | 9 | attempts[1] | likewise subtask 1 | [0, 1] |
    | 10 | attempts[2] | likewise subtask 2 | [0, 1] |
    | 11 | attempts[3] | likewise subtask 3 | [0, 1] |
    | 12 | dollars_size | size of the budget: initial / (initial + what a patient executor would use) | [0, 1] |
    | 13 | seconds_size | size of the deadline, likewise | [0, 1] |
    | 14 | dollars_remaining | remaining share of the budget | [0, 1] |
    | 15 | seconds_remaining | remaining share of the time to the deadline | [0, 1] |
    | 16 | time_remaining | remaining share of the rounds that the deadline has room for | [0, 1] |

    `budget_aware=False` leaves out 12 to 16. float64, so that dollars and seconds can be read back exactly. Probabilities,
    lengths, prices and speeds are the same in every episode and are not repeated: agents that plan read them from the problem.

    ## Rewards
    1 when the last subtask is completed, otherwise 0: the return is the completion probability.

    ## Budget
    Two resources, `dollars` and `seconds`, neither of which is ever overspent: a launch must be affordable should all its
    samples be as long as they can. Where it is not, it gets fewer samples, or none if not one fits, and is counted in
    `info["blocked"]`. Launches of one round reserve dollars in the order of the subtasks.

    `budget=` is dollars: an amount (`inf`: no limit), or a range to draw it from; or a mapping with both resources.
    `deadline=` is seconds, likewise; without a limit, `time_remaining` counts the rounds of the default. Without them, the
    workflow's own, or twice what a patient executor would use (one sample at a time, of the model that is cheapest, or
    fastest, per success).

    ## Starting State
    Nothing is done. Subtasks that depend on none are ready.

    ## Episode End
    Terminates when all subtasks are completed; when some subtask can't be tried even once more with what is left; or after a
    round in which nothing was launched, which abandons the workflow.

    ## Information
    The ledger (`cost`, `spent`, `remaining`, `blocked`), `completed` (0 or 1), `solved` (completed subtasks), `samples`
    (drawn in all) and `elapsed` (seconds).

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | instance | `"chain"`, `"diamond"`, `"codeflow"`, `"proofflow"` or `"random"` | `"diamond"` |
    | instance_seed | which random workflow | 0 |
    | workflow | a `Workflow`, the path of its JSON file, or what such a file holds; replaces the instance | None |
    | samples | N, the most parallel samples of a launch | 3 |
    | budget | dollars, see Budget | the workflow's |
    | deadline | seconds, see Budget | the workflow's |
    | budget_aware | see Observation Space | True |

    The form of a JSON file stands in `budgetgym.envs.workflow.workflow`.

    ## Instances
    `"chain"`: four subtasks in a row; `"diamond"`: two parts side by side; `"codeflow"` and `"proofflow"`: nine and eight
    subtasks in the shape of a programming task and of a proof; `"random"`: eight subtasks, from a seed. All their numbers
    are placeholders, see `budgetgym.envs.workflow.instances`; bring measured ones with `workflow=`.

    ## Exact optimum
    `budgetgym.baselines.workflow.optimum`: dynamic programming over completed subtasks, dollars and seconds, for workflows
    whose costs and durations lie on a grid that is coarse enough ("chain" and "diamond").

    ## References
    X. Wang, Z. Liu, S. Feng et al.: On Time, Within Budget: Constraint-Driven Online Resource Allocation for Agentic
    Workflows. 2026, arXiv:2605.06110.

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    kernels = Kernels(k.reset, k.step, k.observe, resample=k.resample)
    state_class = State
    resources = (DOLLARS, SECONDS)
    budget_settings = ("budget",)
    limit_settings = ("deadline",)
    metrics = (
        Metric("completed", "completed", "mean"),
        Metric("solved", "solved", "mean"),
        Metric("samples", "samples", "mean"),
        Metric("elapsed", "seconds", "mean"),
    )

    def __init__(
        self,
        *,
        instance: str = "diamond",
        instance_seed: int = 0,
        workflow: Workflow | str | Path | Mapping[str, Any] | None = None,
        samples: int = 3,
        budget: Any = None,
        deadline: Any = None,
        budget_aware: bool = True,
    ) -> None:
        samples = positive_integer("samples", samples)
        natural("instance_seed", instance_seed)
        self.workflow = make_workflow(instance, instance_seed) if workflow is None else _read_workflow(workflow)
        typical = self.workflow.typical_use()
        amounts = _read_budget(budget, deadline, self.workflow, typical)
        V, M = len(self.workflow.subtasks), len(self.workflow.models)
        dollars, seconds, atoms = _sample_tables(self.workflow)
        # What the cheapest call of the most expensive subtask may cost, and the fastest call of the slowest one may take.
        least = np.array([table[..., -1].min(axis=1).max() for table in (dollars, seconds)]) * (1.0 - ROUNDING)
        latest = as_budget(amounts, self.resources).range_of(SECONDS)[1]
        latest = latest if latest < math.inf else 2.0 * typical[1]  # the unit of the time share: the default deadline's
        super().__init__(
            params=Params(
                samples=samples,
                everything=(1 << V) - 1,
                before=read_only(self.workflow.predecessors()),
                success=read_only(self.workflow.success()),
                atoms=read_only(atoms),
                dollars=read_only(dollars),
                seconds=read_only(seconds),
            ),
            features=[
                Feature("done", np.zeros(V), np.ones(V), "whether each subtask is completed"),
                Feature("ready", np.zeros(V), np.ones(V), "whether each is next: not completed, and all before it are"),
                Feature("attempts", np.zeros(V), np.ones(V), "a / (a + 1) for the a samples drawn of each so far"),
            ],
            action_space=spaces.MultiDiscrete([1 + M * samples] * V),
            horizon=max(1, int(latest * (1.0 + ROUNDING) / seconds[..., 0].min())),
            budget=amounts,
            budget_scale=typical,
            budget_aware=budget_aware,
            least_budget=(float(least[0]), float(least[1])),
        )

    @property
    def sizes(self) -> Mapping[str, int]:
        """The subtasks."""
        return {"subtasks": len(self.workflow.subtasks)}

    def check_state(self, state: State) -> None:
        """The completed subtasks must be some of this workflow's."""
        if ((state.done < 0) | (state.done > self.params.everything)).any():
            raise ValueError(f"the snapshot is of another problem: {self.instance} has {len(self.workflow.subtasks)} subtasks")

    @property
    def action_meaning(self) -> Mapping[str, str]:
        """The subtasks, the models and the most calls of a round."""
        subtasks, models = (", ".join(part.name for part in parts) for parts in (self.workflow.subtasks, self.workflow.models))
        return {"subtasks": subtasks, "models": models, "samples": str(self.params.samples)}

    @property
    def score(self) -> str:
        """`completed`: whether all was done within budget and deadline."""
        return "completed"

    @property
    def instance(self) -> str:
        """The workflow's name."""
        return f"workflow {self.workflow.name}"

    @property
    def reading(self) -> Reading:
        """What agents need to read observations."""
        V = len(self.workflow.subtasks)
        dollars, seconds = (float(scale) for scale in self.budget_scale)
        return Reading(V, dollars, seconds, rounds=self.horizon, budget=3 * V)

    def entry(self, model: str, samples: int = 1) -> int:
        """The action's entry for `samples` samples of a model.

        Raises:
            ValueError: an unknown model, or more samples than a launch may have.
        """
        names = [known.name for known in self.workflow.models]
        if model not in names:
            raise ValueError(f"model is {model!r}; expected one of {', '.join(map(repr, names))}")
        if positive_integer("samples", samples) > self.params.samples:
            raise ValueError(f"samples is {samples}; a launch has at most {self.params.samples}")
        return 1 + names.index(model) * self.params.samples + samples - 1


def _read_workflow(given: Any) -> Workflow:
    if isinstance(given, Workflow):
        return given
    if isinstance(given, str | Path):
        return Workflow.load(given)
    if isinstance(given, Mapping):
        return Workflow.from_dict(given)
    raise ValueError(f"workflow is {given!r}; expected a Workflow, the path of a JSON file, or what it holds")


def _read_budget(budget: Any, deadline: Any, workflow: Workflow, typical: tuple[float, float]) -> Any:
    """Both resources, from `budget` alone or from `budget` and `deadline`."""
    if isinstance(budget, Budget | Mapping):
        if deadline is not None:
            raise ValueError(f"deadline={deadline!r} with budget={budget!r}; expected the seconds in only one of them")
        return budget
    dollars = 2.0 * typical[0] if workflow.dollars is None else workflow.dollars
    seconds = 2.0 * typical[1] if workflow.seconds is None else workflow.seconds
    return {DOLLARS: dollars if budget is None else budget, SECONDS: seconds if deadline is None else deadline}


def _sample_tables(workflow: Workflow) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Dollars and seconds of a sample of every length, (V, M, K) each, and how many lengths there are, (V, M)."""
    lengths = workflow.lengths()
    atoms = np.array([[len(tokens) for tokens in row] for row in lengths], np.int64)
    longest = int(atoms.max())
    filled = [[[*tokens, *[tokens[-1]] * (longest - len(tokens))] for tokens in row] for row in lengths]
    tokens = np.array(filled, np.float64)
    price = np.array([model.price for model in workflow.models])[:, None]
    speed = np.array([model.speed for model in workflow.models])[:, None]
    return price * tokens / TOKENS_PER_PRICE, tokens / speed, atoms
