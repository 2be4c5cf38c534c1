"""PPO in one file, for continuous actions, in the manner of CleanRL: nothing but Gymnasium, NumPy and torch.

    python examples/ppo_continuous.py                                # ours: `module:id` imports the suite
    python examples/ppo_continuous.py --env-id Pendulum-v1 --num-envs 8 --num-steps 256 --gamma 0.9

The policy is a Gaussian over the middle of the range and half its width; what lies beyond the range is clipped, as the
environment would refuse it. For the lanes that reset and the episodes that are cut short see ppo_discrete.py.
"""

import argparse
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Normal


def arguments(given: list[str] | None = None) -> SimpleNamespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--env-id", default="budgetgym:budgetgym/SocialSteering-v0")
    parser.add_argument("--total-timesteps", type=int, default=1_000_000)
    parser.add_argument("--num-envs", type=int, default=256)
    parser.add_argument("--num-steps", type=int, default=32, help="per lane, between two updates")
    parser.add_argument("--num-minibatches", type=int, default=4)
    parser.add_argument("--update-epochs", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=2.5e-3)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--gae-lambda", type=float, default=0.95)
    parser.add_argument("--clip-coef", type=float, default=0.2)
    parser.add_argument("--ent-coef", type=float, default=0.0)
    parser.add_argument("--vf-coef", type=float, default=0.5)
    parser.add_argument("--max-grad-norm", type=float, default=0.5)
    parser.add_argument("--log-std", type=float, default=-0.5, help="of the policy, at first")
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
    if not (isinstance(observed, gym.spaces.Box) and isinstance(acts, gym.spaces.Box)):
        raise TypeError(f"{args.env_id} has observations {observed} and actions {acts}; expected Box and Box")
    inputs, outputs = int(np.prod(observed.shape)), int(np.prod(acts.shape))
    middle, half_width = (acts.high + acts.low) / 2, (acts.high - acts.low) / 2
    actor, critic = network(inputs, outputs, 0.01), network(inputs, 1, 1.0)
    log_std = nn.Parameter(torch.full((outputs,), args.log_std))
    parameters = [*actor.parameters(), *critic.parameters(), log_std]
    optimizer = torch.optim.Adam(parameters, lr=args.learning_rate, eps=1e-5)

    steps, lanes = args.num_steps, args.num_envs
    obs = torch.zeros(steps + 1, lanes, inputs)
    actions = torch.zeros(steps, lanes, outputs)
    logprobs, rewards, terminations, dones, counts = (torch.zeros(steps, lanes) for _ in range(5))
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
                policy = Normal(actor(obs[step]), log_std.exp())
                action = policy.sample()
            actions[step], logprobs[step] = action, policy.log_prob(action).sum(-1)
            played = middle + half_width * action.clamp(-1.0, 1.0).numpy().reshape(envs.action_space.shape)
            next_obs, reward, terminated, truncated, infos = envs.step(played.astype(acts.dtype))
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
        b_obs, b_actions, b_logprobs = obs[:-1].reshape(-1, inputs), actions.view(-1, outputs), logprobs.view(-1)
        b_advantages, b_returns = advantages.view(-1), (advantages + values[:-1]).view(-1)
        for _ in range(args.update_epochs):
            for chosen in kept[torch.randperm(len(kept))].chunk(args.num_minibatches):
                policy = Normal(actor(b_obs[chosen]), log_std.exp())
                ratio = (policy.log_prob(b_actions[chosen]).sum(-1) - b_logprobs[chosen]).exp()
                advantage = b_advantages[chosen]
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                clipped = ratio.clamp(1.0 - args.clip_coef, 1.0 + args.clip_coef)
                policy_loss = -torch.min(advantage * ratio, advantage * clipped).mean()
                value_loss = 0.5 * (critic(b_obs[chosen]).squeeze(-1) - b_returns[chosen]).square().mean()
                loss = policy_loss - args.ent_coef * policy.entropy().sum(-1).mean() + args.vf_coef * value_loss
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, args.max_grad_norm)
                optimizer.step()
        if returns:
            history.append(float(np.mean(returns)))
            print(f"{(update + 1) * steps * lanes:>9} steps: mean return {history[-1]:.4f} of {len(returns)} episodes")
    envs.close()
    return history


if __name__ == "__main__":
    main()
