"""Playing models as they were trained: with masks, normalised observations, and the spaces and precision that they know."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..baselines.core.policy import Policy
from ..envs.core.batch import Batch
from ..envs.core.presentation import MASK, OBSERVATIONS, Presentation
from ..envs.core.problem import Problem
from ..envs.core.resolve import Normalise


class Asked:
    """An agent that is asked as it was trained.

    Policies of the suite see exact observations. Anything else sees them as environments show them: in the precision of its
    observation space (else in 32 bits), and with the mask among them where its space has one.

    Args:
        agent: a policy of the suite, a Stable-Baselines3 model, or anything with its `predict`.
        problem: what it decides on.
        normalise: what a `VecNormalize` makes of observations; by default that of the environment that a model is set to.
            Not for policies of the suite.

    Raises:
        ValueError: see `check_model`.
    """

    def __init__(self, agent: Any, problem: Problem, normalise: Normalise | None = None) -> None:
        self.agent = agent
        self._masked = problem.kernels.mask is not None and takes_masks(agent)
        foreign = not isinstance(agent, Policy)
        self._normalise = (normalise or _own_normalisation(agent)) if foreign else None
        self._presentation = presentation_for(agent, problem) if foreign else None
        check_model(agent, problem, self._normalise is not None)

    def __call__(self, batch: Batch, observation: NDArray[Any], memory: Any, episode_start: NDArray[np.bool_]) -> Any:
        """The actions in all lanes of the batch, whose observations are (n, d), and the memory for the next call."""
        masks: Any = {"action_masks": batch.action_mask().astype(bool)} if self._masked else {}
        seen: Any = observation
        if self._presentation is not None:
            shown = batch.action_mask() if self._presentation.with_mask and batch.problem.kernels.mask is not None else None
            seen = self._presentation.show(observation, shown)
        if self._normalise is not None:
            seen = self._normalise(seen)
        return self.agent.predict(seen, state=memory, episode_start=episode_start, deterministic=True, **masks)


def takes_masks(agent: Any) -> bool:
    """Whether `predict` is to be given the environment's `action_masks`, as sb3-contrib's `MaskablePPO` is."""
    if isinstance(agent, Policy):
        return agent.takes_masks
    try:
        return "action_masks" in inspect.signature(agent.predict).parameters
    except ValueError:  # compiled code, which has no signature
        return False


def presentation_for(agent: Any, problem: Problem) -> Presentation:
    """How an environment showed the problem to a model with this observation space; the default for what has none."""
    space, with_mask = getattr(agent, "observation_space", None), False
    if isinstance(space, spaces.Dict) and set(space.spaces) == {OBSERVATIONS, MASK}:
        space, with_mask = space[OBSERVATIONS], isinstance(problem.action_space, spaces.Discrete)
    exact = isinstance(space, spaces.Box) and space.dtype == np.float64
    return Presentation(problem, "float64" if exact else "float32", with_mask)


def check_model(agent: Any, problem: Problem, normalised: bool) -> None:
    """Check that a Stable-Baselines3 model sees and does what it was trained to see and do.

    Args:
        agent: a model, a policy that has one, or anything else, which has nothing to check.
        problem: what it decides on.
        normalised: there is a `VecNormalize` for it.

    Raises:
        ValueError: its observations or actions were others, or it was trained under a `VecNormalize` that it comes without.
    """
    if not isinstance(agent, Policy):  # policies have `check_problem`
        shown = presentation_for(agent, problem)
        for what in ("observation_space", "action_space"):
            its, ours = getattr(agent, what, None), getattr(shown, what)
            if isinstance(its, spaces.Space) and not _same_space(its, ours):
                raise ValueError(
                    f"{type(agent).__name__} was trained with {what} {its}, but {type(problem).__name__} has {ours}; "
                    "train it without the wrapper that made the difference, or evaluate it on what it was trained for"
                )
    model = getattr(agent, "model", agent) if isinstance(agent, Policy) else agent
    if not normalised and _own_normalisation(model) is None and not _saw_its_space(model):
        raise ValueError(
            f"{type(model).__name__} was trained on observations outside its observation space, as VecNormalize makes "
            "them, and comes without it; give it back, as in "
            "model.set_env(VecNormalize.load(path, as_sb3_vec_env(env))), and evaluate the model"
        )


def _own_normalisation(model: Any) -> Normalise | None:
    """That of the environment that a model is set to."""
    find = getattr(model, "get_vec_normalize_env", None)
    normalising: Any = find() if callable(find) else None
    return normalising.normalize_obs if normalising is not None and normalising.norm_obs else None


def _saw_its_space(model: Any) -> bool:
    """Whether the observations with which a model's training ended, which SB3 saves with it, lie in its observation space."""
    space, last = getattr(model, "observation_space", None), getattr(model, "_last_obs", None)
    if not isinstance(space, spaces.Box) or not isinstance(last, np.ndarray) or last.shape[1:] != space.shape:
        return True
    slack = 1e-6 * np.maximum(1.0, np.abs(last))
    return bool(((last >= space.low - slack) & (last <= space.high + slack)).all())


def _same_space(its: spaces.Space[Any], ours: spaces.Space[Any]) -> bool:
    """Whether two spaces have the same elements, up to the precision of numbers."""
    if isinstance(its, spaces.Dict) and isinstance(ours, spaces.Dict):
        return its.keys() == ours.keys() and all(_same_space(its[name], ours[name]) for name in its)
    if isinstance(its, spaces.Box) and isinstance(ours, spaces.Box):
        return its.shape == ours.shape and np.allclose(its.low, ours.low) and np.allclose(its.high, ours.high)
    return its == ours
