"""What a saved agent was made for, as JSON inside of SB3's zip file, so that what does not fit is refused by name.

SB3's own `load` unpickles, and so runs whatever code a file brings. These files are read without: settings and counts are
JSON, weights are read by torch with `weights_only=True`, and everything else is made anew from the configuration.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from stable_baselines3.common.save_util import load_from_zip_file, recursive_setattr

from ...envs.core.files import write_whole
from ...envs.core.problem import Problem
from ...envs.family import family_of

MEMBER = "budgetgym.json"
"""The name within the zip file."""


class Fit(NamedTuple):
    """What must be the same where a saved agent is to decide."""

    family: str
    problem: str
    """The class."""
    actions: dict[str, str]
    """What actions mean, see `Problem.action_meaning`, on the problem that is learned on."""
    observations: list[str]
    """Names of the entries of the observations that the network sees."""
    action_space: str
    """What the network chooses from."""
    key: str = ""
    """Of the only instance that it can decide on, where it knows no other."""

    @classmethod
    def of(cls, problem: Problem, training: Problem, action_space: Any) -> Self:
        """What is needed on this problem, for a network that learns on another."""
        actions, names = dict(training.action_meaning), list(training.observation_names)
        return cls(family_of(problem).name, type(problem).__name__, actions, names, " ".join(str(action_space).split()))

    def misfit(self, needed: Fit) -> str | None:
        """Why an agent of this fit can't decide where another is needed; None if it can."""
        if (self.family, self.problem) != (needed.family, needed.problem):
            return f"it was made for {self.problem}, and this is {needed.problem}"
        if self.key != needed.key:
            return "it knows one instance, and this is another one; make the environment as it was then"
        for name, value in needed.actions.items():
            if (other := self.actions.get(name)) != value:
                return f"it was made for {name}={other}, and here {name} is {value}, so that actions mean something else"
        if self.action_space != needed.action_space:
            return f"it chooses from {self.action_space}, and here actions are {needed.action_space}"
        if self.observations != needed.observations:
            then, now = ", ".join(self.observations), ", ".join(needed.observations)
            return f"it has learned with other observations, ({then}), and here they are ({now})"
        return None


class Saved(NamedTuple):
    """All that a file says of its agent besides the weights."""

    agent: str
    """The learner's name."""
    fit: Fit
    choices: dict[str, Any]
    """Arguments of the agent itself, such as the variant."""
    settings: dict[str, Any]
    """The settings that replaced those of the configuration, as far as JSON can hold them."""
    left_out: list[str]
    """The settings that it can't, such as functions."""
    seed: int
    """With which it began to learn."""
    progress: dict[str, Any]
    """What going on needs: counts, the scale of rewards."""
    instance: str
    problem_settings: dict[str, str]
    """Of the problem that it was trained to decide on."""
    versions: dict[str, str]


def save(path: Path, model: Any, saved: Saved) -> None:
    """Write the model as SB3 does, with what is said of it, whole or not at all."""
    buffer = io.BytesIO()
    model.save(buffer)
    said = {**saved._asdict(), "fit": saved.fit._asdict()}
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(MEMBER, json.dumps(said, indent=1))
    write_whole(path, lambda file: file.write(buffer.getbuffer()))


def read(path: Path) -> Saved:
    """What a file says of its agent.

    Raises:
        ValueError: it is not the file of an agent that this package saved.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            said = archive.read(MEMBER)
    except KeyError:
        raise ValueError(
            f"{path} was not saved by an agent of budgetgym: it does not say what it was made for. A model that "
            "Stable-Baselines3 saved is loaded by its own class, as in PPO.load(path), which runs the code in the file; "
            "evaluate and compare take that model as it is"
        ) from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} is not a zip file, or is damaged ({error}); expected a saved agent") from None
    try:
        fields = json.loads(said)
        int(fields["progress"]["counts"]["num_timesteps"])
        return Saved(**{**fields, "fit": Fit(**fields["fit"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} does not say what it was made for as this version reads it ({error}); train it again"
        ) from None


def weights(path: Path, model: Any) -> None:
    """Give a new model the weights and the optimiser's state that a file holds; nothing is unpickled.

    Raises:
        ValueError: they do not fit the model, or are damaged.
    """
    try:
        _, parameters, variables = load_from_zip_file(path, load_data=False, device="cpu")
        model.set_parameters(parameters, exact_match=True, device="cpu")
        for name, value in (variables or {}).items():
            if value is not None:
                recursive_setattr(model, f"{name}.data", value.data)
    except (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, ValueError, KeyError, EOFError, AttributeError) as error:
        first = str(error).strip().split("\n")[0]
        raise ValueError(f"{path} holds no weights for the network of this agent with these settings: {first}") from error


def plain(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings that JSON can hold, and the names of the others."""
    kept = {name: value for name, value in settings.items() if _is_plain(value)}
    return kept, [name for name in settings if name not in kept]


def settings_of(problem: Problem) -> dict[str, str]:
    """A problem's settings as text; of objects that JSON can't hold, their kind."""
    return {name: str(value) if _is_plain(value) else type(value).__name__ for name, value in problem.settings.items()}


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(part) for part in value)
    return value is None or type(value) in (bool, int, float, str)
