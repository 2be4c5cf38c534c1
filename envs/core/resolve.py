"""From a name, or from an environment in whatever wrappers, to a problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import gymnasium as gym
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray

from ..family import check_reference, resolve
from ..hints import near
from .problem import Problem


def make_problem(problem: str | type[Problem] | Problem, settings: dict[str, Any]) -> Problem:
    """A problem from an instance, a class, or the class's path "module:Class", made with `settings`.

    Raises:
        TypeError: a setting that the class does not take; the error names near matches.
    """
    if isinstance(problem, Problem):
        if settings:
            raise TypeError(f"settings {sorted(settings)} came with a problem that is already made")
        return problem
    check_reference("problem", problem)
    problem = resolve(problem)
    if not (isinstance(problem, type) and issubclass(problem, Problem)):
        raise TypeError(f"problem is {problem!r}; expected a Problem, its class, or 'module:Class'")
    problem = problem.variant(settings)
    known = problem.setting_names()
    for name in settings:
        if name not in known:
            # In Python's own words, which scripts that try out arguments look for (TorchRL's GymEnv with "frameskip").
            raise TypeError(f"{problem.__name__} got an unexpected keyword argument {name!r}{near(name, known)}")
    return problem(**settings)


Normalise: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""From observations (n, d) of a problem to what a model was trained on, (n, d)."""

NEUTRAL = {
    "gymnasium": ("PassiveEnvChecker", "OrderEnforcing", "RecordEpisodeStatistics", "Autoreset", "DictInfoToList",
                  "RecordVideo", "HumanRendering", "RenderCollection", "AddWhiteNoise", "ObstructView"),
    "stable_baselines3": ("Monitor", "VecMonitor", "VecVideoRecorder", "VecCheckNan"),
}  # fmt: skip
"""Wrappers that change nothing of what agents see, do or earn within an episode, by package. Subclasses may do more."""


class Unwrapped(NamedTuple):
    """What an environment in its wrappers comes to."""

    problem: Problem
    """With the limits of steps that wrappers set."""
    normalise: Normalise | None
    """What a `VecNormalize` makes of observations; None where there is none, or if it leaves them as they are."""


def unwrap(env: Any) -> Unwrapped:
    """What an environment in its wrappers comes to, for those who play, learn or plan for its problem in a batch of their own.

    This is the one place that decides about wrappers. Those that only check, record or show are passed by (`NEUTRAL`), a
    `TimeLimit` truncates the problem's episodes, and a `VecNormalize` is handed on; it concerns the model that was trained
    under it, and its scaling of rewards concerns training alone. Any other is refused, since it would be left out.

    Args:
        env: an environment of the suite (any face) in wrappers, its id, a problem, or a `DummyVecEnv` or `SyncVectorEnv` of
            equal environments.

    Raises:
        TypeError: it is not an environment of the suite.
        ValueError: a wrapper changes what agents see, do or earn, or environments of one vector environment differ.
    """
    if isinstance(env, str):
        env = gym.make(env)
    steps: list[int] = []
    normalise: Normalise | None = None
    while (inner := _inside(env)) is not None:
        package, name = type(env).__module__.partition(".")[0], type(env).__name__
        if (package, name) == ("stable_baselines3", "VecNormalize") and normalise is None:
            normalise = env.normalize_obs if env.norm_obs else None
        elif isinstance(env, TimeLimit):
            steps.append(env._max_episode_steps)
        elif not isinstance(inner, Problem) and name not in NEUTRAL.get(package, ()):
            raise ValueError(
                f"env has the wrapper {name}, which would be left out: what is played, learned or planned for is the problem "
                "itself; pass env.unwrapped, or have the agent do what the wrapper does"
            )
        env = inner
    problem = env if isinstance(env, Problem) else getattr(env, "problem", None)
    if not isinstance(problem, Problem):
        raise TypeError(f"{env!r} is not an environment of this suite")
    return Unwrapped(problem.truncated(min(steps, default=None)), normalise)


def as_problem(env: Any) -> Problem:
    """The problem of an environment, a face, a registered id, or a problem itself, with the limits of steps that wrappers set.

    Raises:
        TypeError: it is not an environment of the suite.
        ValueError: a wrapper changes what agents see, do or earn; see `unwrap`. A `VecNormalize` of observations is one.
    """
    if isinstance(env, Problem):
        return env
    problem, normalise = unwrap(env)
    if normalise is not None:
        raise ValueError(
            "env has the wrapper VecNormalize(norm_obs=True), which only evaluate and compare can apply, to models that were "
            "trained under it; pass env.unwrapped"
        )
    return problem


def _inside(env: Any) -> Any:
    """What a wrapper wraps, or the problem that environments side by side share; None if it is neither."""
    if isinstance(env, gym.Wrapper | gym.vector.VectorWrapper):
        return env.env
    owned = getattr(env, "__dict__", {})
    if owned.get("envs"):
        first, *others = map(as_problem, owned["envs"])
        if different := [k for k, other in enumerate(others, 1) if not first.equals(other)]:
            raise ValueError(f"env is a {type(env).__name__} whose environments 0 and {different[0]} differ; pass one of them")
        return first
    return owned.get("venv")  # of Stable-Baselines3's VecEnvWrapper, which need not be installed
