"""Offline learning with d3rlpy on recorded episodes, scored against the exact optimum.

d3rlpy pins Gymnasium 1.0.0, so it learns in an environment of its own (`pip install d3rlpy "minari[hdf5]" pillow`), which the
suite is not installed in: what passes between the two is a Minari data set and a TorchScript policy. `make d3rlpy` does all
three steps:

    budgetgym dataset AgenticRouting-v0 --agents random --episodes 4000 --minari routing/mixed-v0
    python examples/d3rlpy_offline.py learn routing/mixed-v0 policy.pt         # in d3rlpy's environment
    python examples/d3rlpy_offline.py score policy.pt AgenticRouting-v0
"""

import sys
from typing import Any

import numpy as np
import torch


def learn(name: str, path: str, steps: int = 5_000) -> None:
    """Conservative Q-learning on a data set, of Discrete or Box actions; the greedy policy goes to `path`."""
    import d3rlpy  # pyright: ignore[reportMissingImports]
    import minari

    data = minari.load_dataset(name)
    discrete = hasattr(data.action_space, "n")
    episodes = list(data.iterate_episodes())
    buffer = d3rlpy.dataset.MDPDataset(
        observations=np.concatenate([e.observations[:-1] for e in episodes]),
        actions=np.concatenate([e.actions.reshape(len(e.rewards), -1) for e in episodes]),
        rewards=np.concatenate([e.rewards for e in episodes]).astype(np.float32),
        terminals=np.concatenate([e.terminations for e in episodes]).astype(np.float32),
        action_space=d3rlpy.ActionSpace.DISCRETE if discrete else d3rlpy.ActionSpace.CONTINUOUS,
        action_size=int(data.action_space.n) if discrete else data.action_space.shape[0],
    )
    config = (d3rlpy.algos.DiscreteCQLConfig if discrete else d3rlpy.algos.CQLConfig)(gamma=1.0, batch_size=256)
    learner = config.create(device="cpu:0")
    learner.fit(buffer, n_steps=steps, n_steps_per_epoch=steps, logger_adapter=d3rlpy.logging.NoopAdapterFactory())
    learner.save_policy(path)


PLAYED = ("random",)
"""The agents whose episodes it saw."""


class Learned:
    """The saved policy, in the shape of an agent."""

    def __init__(self, path: str) -> None:
        self.policy = torch.jit.load(path)

    def predict(self, observation: Any, state: Any = None, **_: Any) -> tuple[Any, Any]:
        """Actions for observations (n, d), or the action for one (d,)."""
        rows = np.atleast_2d(np.asarray(observation, np.float32))
        with torch.no_grad():
            actions = self.policy(torch.as_tensor(rows)).numpy()
        return (actions[0] if np.ndim(observation) == 1 else actions), state


def score(path: str, env_id: str, episodes: int = 2000) -> Any:
    """Compare it with the agents whose episodes it has seen."""
    import budgetgym

    agents: dict[str, Any] = {"cql": Learned(path), **{name: budgetgym.make_agent(name, env_id) for name in PLAYED}}
    return budgetgym.compare(env_id, agents, episodes)


if __name__ == "__main__":
    step, *arguments = sys.argv[1:]
    result = {"learn": learn, "score": score}[step](*arguments)
    if result is not None:
        print(result[["agent", "return", "share_of_optimum", "difference"]].to_string(index=False))
