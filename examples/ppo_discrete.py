"""PPO in one file, for discrete actions, in the manner of CleanRL: nothing but Gymnasium, NumPy and torch.

    python examples/ppo_discrete.py                                  # ours: `module:id` imports the suite
    python examples/ppo_discrete.py --env-id CartPole-v1 --num-envs 8 --num-steps 128 --num-minibatches 4

`gym.make_vec` resets lanes in the step after an episode's last one, as Gymnasium has it since 1.0: that step's action does
nothing, and it is left out of the learning. The observation before it is the episode's true last one, so an episode that was
cut short (truncated, not terminated) has its value to stand for the rest.
"""

import argparse
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical


def arguments(given: list[str] | None = None) -> SimpleNamespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--env-id", default="budgetgym:budgetgym/AgenticRouting-v0")
    parser.add_argument("--total-timesteps", type=int, default=1_000_000)
    parser.add_argument("--num-envs", type=int, default=256)
    parser.add_argument("--num-steps", type=int, default=32, help="per lane, between two updates")
    parser.add_argument("--num-minibatches", type=int, default=4)
    parser.add_argument("--update-epochs", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=2.5e-3)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--gae-lambda", type=float, default=0.95)
    parser.add_argument("--clip-coef", type=float, default=0.2)
    parser.add_argument("--ent-coef", type=float, default=0.01)
    parser.add_argument("--vf-coef", type=float, default=0.5)
    parser.add_argument("--max-grad-norm", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    return SimpleNamespace(**vars(parser.parse_args(given)))


def layer(inputs: int, outputs: int, gain: float = 2**0.5) -> nn.Linear:
    made = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made


def network(inputs: int, outputs: int, gain: float) -> nn.Sequential:
    return nn.Sequential(layer(inputs, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, outputs, gain))


def main(given: list[str] | None = None) -> list[float]:
    """Train, and return the mean return of the episodes that ended in every update."""
    args = arguments(given)
    torch.manual_seed(args.seed)
    envs = gym.wrappers.vector.RecordEpisodeStatistics(gym.make_vec(args.env_id, num_envs=args.num_envs))
    observed, acts = envs.single_observation_space, envs.single_action_space
    if not (isinstance(observed, gym.spaces.Box) and isinstance(acts, gym.spaces.Discrete)):
        raise TypeError(f"{args.env_id} has observations {observed} and actions {acts}; expected Box and Discrete")
    inputs = int(np.prod(observed.shape))
    actor, critic = network(inputs, int(acts.n), 0.01), network(inputs, 1, 1.0)
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=args.learning_rate, eps=1e-5)

    steps, lanes = args.num_steps, args.num_envs
    obs = torch.zeros(steps + 1, lanes, inputs)
    actions, logprobs, rewards = (torch.zeros(steps, lanes) for _ in range(3))
    terminations, dones, counts = (torch.zeros(steps, lanes) for _ in range(3))
    next_obs, _ = envs.reset(seed=args.seed)
    resetting = np.zeros(lanes, bool)  # the lane's next step only resets it
    updates = max(args.total_timesteps // (steps * lanes), 1)
    history: list[float] = []

    for update in range(updates):
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1.0 - update / updates)
        returns: list[float] = []
        for step in range(steps):
            obs[step] = torch.as_tensor(next_obs, dtype=torch.float32).view(lanes, -1)
            with torch.no_grad():
                policy = Categorical(logits=actor(obs[step]))
                action = policy.sample()
            actions[step], logprobs[step] = action, policy.log_prob(action)
            next_obs, reward, terminated, truncated, infos = envs.step(action.numpy())
            rewards[step] = torch.as_tensor(reward, dtype=torch.float32)
            terminations[step] = torch.as_tensor(terminated, dtype=torch.float32)
            counts[step] = torch.as_tensor(~resetting, dtype=torch.float32)
            resetting = terminated | truncated
            dones[step] = torch.as_tensor(resetting, dtype=torch.float32)
            if "episode" in infos:
                returns += infos["episode"]["r"][infos["_episode"]].tolist()
        obs[steps] = torch.as_tensor(next_obs, dtype=torch.float32).view(lanes, -1)

        with torch.no_grad():
            values = critic(obs).squeeze(-1)
        advantages, last = torch.zeros(steps, lanes), torch.zeros(lanes)
        for step in reversed(range(steps)):
            delta = rewards[step] + args.gamma * values[step + 1] * (1.0 - terminations[step]) - values[step]
            last = delta + args.gamma * args.gae_lambda * (1.0 - dones[step]) * last
            advantages[step] = last

        kept = counts.view(-1).nonzero().squeeze(-1)
        b_obs, b_actions, b_logprobs = obs[:-1].reshape(-1, inputs), actions.view(-1), logprobs.view(-1)
        b_advantages, b_returns = advantages.view(-1), (advantages + values[:-1]).view(-1)
        for _ in range(args.update_epochs):
            for chosen in kept[torch.randperm(len(kept))].chunk(args.num_minibatches):
                policy = Categorical(logits=actor(b_obs[chosen]))
                ratio = (policy.log_prob(b_actions[chosen]) - b_logprobs[chosen]).exp()
                advantage = b_advantages[chosen]
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                clipped = ratio.clamp(1.0 - args.clip_coef, 1.0 + args.clip_coef)
                policy_loss = -torch.min(advantage * ratio, advantage * clipped).mean()
                value_loss = 0.5 * (critic(b_obs[chosen]).squeeze(-1) - b_returns[chosen]).square().mean()
                loss = policy_loss - args.ent_coef * policy.entropy().mean() + args.vf_coef * value_loss
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_([*actor.parameters(), *critic.parameters()], args.max_grad_norm)
                optimizer.step()
        if returns:
            history.append(float(np.mean(returns)))
            print(f"{(update + 1) * steps * lanes:>9} steps: mean return {history[-1]:.4f} of {len(returns)} episodes")
    envs.close()
    return history


if __name__ == "__main__":
    main()
