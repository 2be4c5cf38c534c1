"""PPO in TorchRL, whose `GymEnv` takes our ids as they are. Needs `pip install torchrl`.

python examples/torchrl_ppo.py [ID]
"""

import sys
from typing import Any

import torch
from tensordict.nn import TensorDictModule
from torch.distributions import Categorical
from torchrl.collectors import Collector
from torchrl.envs import GymEnv, RewardSum, TransformedEnv
from torchrl.envs.utils import check_env_specs
from torchrl.modules import MLP, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

ENV_ID = "budgetgym:budgetgym/TrapTree-v0"


def main(env_id: str = ENV_ID, total_frames: int = 100_000) -> list[float]:
    """Train, and return the mean return of the episodes that ended in every update."""
    torch.manual_seed(0)
    made = GymEnv(env_id, categorical_action_encoding=True)
    env: Any = TransformedEnv(made, RewardSum())  # pyright: ignore[reportCallIssue]
    env.set_seed(0)
    check_env_specs(env)
    inputs, actions = env.observation_spec["observation"].shape[-1], env.action_spec.space.n

    def network(outputs: int) -> MLP:
        return MLP(in_features=inputs, out_features=outputs, num_cells=[64, 64], activation_class=torch.nn.Tanh)

    logits = TensorDictModule(network(actions), in_keys=["observation"], out_keys=["logits"])
    actor = ProbabilisticActor(
        logits, in_keys=["logits"], spec=env.action_spec, distribution_class=Categorical, return_log_prob=True
    )
    critic = ValueOperator(network(1), in_keys=["observation"])
    advantage = GAE(gamma=0.99, lmbda=0.95, value_network=critic, average_gae=True)
    loss = ClipPPOLoss(actor, critic, entropy_coeff=0.01)
    optimizer = torch.optim.Adam(loss.parameters(), lr=3e-3)
    history = []
    collector = Collector(env, actor, frames_per_batch=4000, total_frames=total_frames, auto_register_policy_transforms=False)
    for batch in collector:
        advantage(batch)
        for _ in range(8):
            for chosen in torch.randperm(len(batch)).chunk(8):
                losses = loss(batch[chosen])
                optimizer.zero_grad()
                (losses["loss_objective"] + losses["loss_critic"] + losses["loss_entropy"]).backward()
                torch.nn.utils.clip_grad_norm_(loss.parameters(), 0.5)
                optimizer.step()
        ended = batch["next", "done"].squeeze(-1)
        history.append(batch["next", "episode_reward"].squeeze(-1)[ended].mean().item())
        print(f"mean return {history[-1]:.4f} of {int(ended.sum())} episodes")
    return history


if __name__ == "__main__":
    main([*sys.argv[1:], ENV_ID][0])
