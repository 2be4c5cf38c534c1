"""Built-in workflows.

Their numbers are placeholders. MCPP's paper describes two sets of workflows (CodeFlow, writing a program; ProofFlow, proving
a theorem) whose tables are not at hand; "codeflow" and "proofflow" here only have their shape. Prices are those of three
tiers of OpenAI models in 2025 (GPT-4.1 nano, mini and full: 0.4, 1.6 and 8 dollars per million generated tokens); speeds,
probabilities and lengths are made up, such that no model is best at everything. Bring measured ones with `workflow=`.

"chain" and "diamond" have lengths in multiples of 500 tokens, so that dollars and seconds lie on a coarse grid and the exact
optimum takes a second.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..hints import unknown_instance
from .workflow import Model, Subtask, Workflow, log_normal

SMALL = Model("small", price=0.4, speed=100.0)
MEDIUM = Model("medium", price=1.6, speed=125.0)
LARGE = Model("large", price=8.0, speed=62.5)
MODELS = (SMALL, MEDIUM, LARGE)


def make_workflow(name: str, seed: int = 0) -> Workflow:
    """A built-in workflow.

    Args:
        name: "chain", "diamond", "codeflow", "proofflow" or "random".
        seed: of the random one.

    Raises:
        ValueError: there is no such workflow; the message lists them, near matches first.
    """
    if name == "random":
        return random_workflow(seed=seed)
    if name in INSTANCES:
        return INSTANCES[name]()
    raise unknown_instance(name, [*INSTANCES, "random"])


def chain() -> Workflow:
    """Four subtasks in a row, each harder for the small model than the one before; two lengths each."""
    rates = ((0.7, 0.85, 0.95), (0.4, 0.65, 0.9), (0.15, 0.4, 0.8), (0.05, 0.25, 0.7))
    names = ("outline", "draft", "revise", "polish")
    subtasks = tuple(
        _subtask(name, after=names[max(v - 1, 0) : v], rates=rates[v], length=(500.0, 1000.0)) for v, name in enumerate(names)
    )
    return Workflow("chain", MODELS, subtasks, dollars=0.012, seconds=60.0)


def diamond() -> Workflow:
    """A plan, two independent parts, and their union: the smallest workflow with work side by side."""
    subtasks = (
        _subtask("plan", (), (0.5, 0.7, 0.9), (500.0,)),
        _subtask("left", ("plan",), (0.1, 0.3, 0.75), (500.0, 1500.0)),
        _subtask("right", ("plan",), (0.45, 0.7, 0.9), (500.0, 1000.0)),
        _subtask("join", ("left", "right"), (0.15, 0.35, 0.8), (1000.0,)),
    )
    return Workflow("diamond", MODELS, subtasks, dollars=0.012, seconds=60.0)


def codeflow() -> Workflow:
    """Nine subtasks of a programming task: three modules are written and tested side by side, then integrated."""
    return Workflow(
        "codeflow",
        MODELS,
        (
            _subtask("specification", (), (0.7, 0.85, 0.95), log_normal(400, 0.4)),
            _subtask("design", ("specification",), (0.4, 0.65, 0.9), log_normal(700, 0.4)),
            _subtask("parser", ("design",), (0.5, 0.7, 0.9), log_normal(800, 0.5)),
            _subtask("core", ("design",), (0.05, 0.25, 0.7), log_normal(1200, 0.5)),
            _subtask("interface", ("design",), (0.6, 0.8, 0.92), log_normal(600, 0.5)),
            _subtask("parser tests", ("parser",), (0.7, 0.85, 0.95), log_normal(500, 0.4)),
            _subtask("core tests", ("core",), (0.5, 0.75, 0.9), log_normal(600, 0.4)),
            _subtask("integration", ("parser tests", "core tests", "interface"), (0.1, 0.35, 0.8), log_normal(900, 0.5)),
            _subtask("documentation", ("integration",), (0.85, 0.92, 0.97), log_normal(700, 0.3)),
        ),
        dollars=0.02,
        seconds=140.0,
    )


def proofflow() -> Workflow:
    """Eight subtasks of a proof: four lemmas of very different difficulty, two of which build on others."""
    return Workflow(
        "proofflow",
        MODELS,
        (
            _subtask("formalise", (), (0.35, 0.6, 0.85), log_normal(500, 0.4)),
            _subtask("sketch", ("formalise",), (0.3, 0.55, 0.8), log_normal(900, 0.5)),
            _subtask("lemma 1", ("sketch",), (0.65, 0.8, 0.9), log_normal(600, 0.6)),
            _subtask("lemma 2", ("sketch",), (0.25, 0.45, 0.7), log_normal(900, 0.6)),
            _subtask("lemma 3", ("lemma 1",), (0.4, 0.6, 0.8), log_normal(800, 0.6)),
            _subtask("lemma 4", ("lemma 1", "lemma 2"), (0.05, 0.2, 0.5), log_normal(1500, 0.6)),
            _subtask("assemble", ("lemma 3", "lemma 4"), (0.45, 0.7, 0.9), log_normal(800, 0.4)),
            _subtask("check", ("assemble",), (0.8, 0.9, 0.97), log_normal(400, 0.3)),
        ),
        dollars=0.03,
        seconds=160.0,
    )


def random_workflow(subtasks: int = 8, models: int = 3, seed: int = 0) -> Workflow:
    """A random workflow: every subtask follows up to two of the three before it.

    Args:
        subtasks: how many, 1 to 62.
        models: how many, >= 1; each costs four times the one before, is half as fast and better at everything.
        seed: the same seed gives the same workflow.
    """
    for what, count in (("subtasks", subtasks), ("models", models), ("seed", seed)):
        least = 0 if what == "seed" else 1
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < least:
            raise ValueError(f"{what} is {count!r}; expected an integer >= {least}")
    generator = np.random.default_rng(seed)
    pool = tuple(Model(f"model {m}", price=0.4 * 4.0**m, speed=250.0 / 2.0**m) for m in range(models))
    work = []
    for v in range(subtasks):
        before = np.arange(max(v - 3, 0), v)
        after = generator.choice(before, size=generator.integers(1, min(len(before), 2) + 1), replace=False) if v else []
        logit = generator.normal(-0.8, 1.0) + 1.2 * np.arange(models)
        length = log_normal(round(float(generator.uniform(400.0, 1200.0))), 0.5)
        work.append(
            Subtask(
                f"subtask {v}",
                {model.name: round(float(p), 3) for model, p in zip(pool, 1.0 / (1.0 + np.exp(-logit)), strict=True)},
                {model.name: length for model in pool},
                tuple(f"subtask {u}" for u in sorted(after)),
            )
        )
    return Workflow(f"random {seed}", pool, tuple(work))


def _subtask(name: str, after: tuple[str, ...], rates: tuple[float, ...], length: tuple[float, ...]) -> Subtask:
    """A subtask for the three models, of the same lengths with each."""
    success = {model.name: rate for model, rate in zip(MODELS, rates, strict=True)}
    return Subtask(name, success, {model.name: length for model in MODELS}, after)


INSTANCES: dict[str, Callable[[], Workflow]] = {
    "chain": chain,
    "diamond": diamond,
    "codeflow": codeflow,
    "proofflow": proofflow,
}
"""Instance name -> function that builds its workflow."""
