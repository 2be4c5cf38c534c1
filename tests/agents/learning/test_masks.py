import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.learning.masks import observed_masks
from budgetgym.agents.registry import as_problem
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.steering.problem import SocialSteering
from budgetgym.envs.workflow.law import cut_to_budget
from budgetgym.envs.workflow.problem import WorkflowRouting
from own_problem import OnlineKnapsack


def random_play(problem, steps=60, lanes=40, seed=0):
    """The batch before every step of random play, with restarts."""
    batch, random = Batch(problem, lanes), np.random.default_rng(seed)
    batch.seed(episode_keys(seed, lanes))
    batch.reset()
    problem.action_space.seed(seed)
    for _ in range(steps):
        yield batch
        batch.step(batch.read_actions(np.array([problem.action_space.sample() for _ in range(lanes)])))
        batch.reset(batch.state.finished & (random.random(lanes) < 1.0))


@pytest.mark.parametrize(
    "problem",
    [
        AgenticRouting(budget=(1.0, 6.0)),
        AgenticRouting(budget=2, tasks=3, stop=True),
        AgenticRouting(unit="dollars", instance="swe", budget=(0.05, 0.5), exhaustion="free"),
        SocialSteering(discrete=True),
        SocialSteering(discrete=True, budget=(0.0, 1.0), objective="biased", cost="quadratic"),
        SocialSteering(discrete=True, budget=None, price=1.0, network="last-2"),
    ],
    ids=lambda problem: problem.instance,
)
def test_observations_tell_the_masks(problem):
    blocked = 0
    for batch in random_play(problem):
        masks = batch.action_mask().astype(bool)
        assert np.array_equal(observed_masks(problem, batch.observe()), masks)
        blocked += (~masks).sum()
    assert blocked > 0 or problem.settings.get("budget", 0) is None


def test_a_launch_is_open_if_and_only_if_the_environment_does_not_cut_it():
    problem = WorkflowRouting(budget=(0.004, 0.012))
    V, entries = len(problem.params.before), problem.action_space.nvec[0]  # type: ignore[attr-defined]
    for batch in random_play(problem, steps=10, lanes=10):
        masks = observed_masks(problem, batch.observe()).reshape(10, V, entries)
        for v in range(V):
            for entry in range(entries):
                actions = np.zeros((10, V), np.int64)
                actions[:, v] = entry
                for lane in range(10):
                    done, left, initial = batch.state.done[lane], batch.state.remaining[lane], batch.state.initial[lane]
                    cut = actions[lane : lane + 1].copy()
                    cut_to_budget(problem.params, done, left[None].copy(), initial, cut)
                    assert masks[lane, v, entry] == (cut[0, v] == entry)


def test_what_is_not_observed_stays_open_and_the_environment_decides():
    """A router that does not see its budget asks for what it can't pay; a verdict's price is not observed either."""
    blind = AgenticRouting(budget=1, budget_aware=False)
    agent = make_agent("maskable_ppo", blind, lanes=8, n_steps=16, batch_size=64)
    agent.learn(128)  # type: ignore[attr-defined]
    assert observed_masks(blind, np.zeros((3, len(blind.observation_names)))).all()
    episodes = evaluate(agent, blind, 50).episodes
    assert (episodes["spent"] <= 1).all()
    judge = AgenticRouting(unit="dollars", budget=0.02, verify=True, stop=True)
    for batch in random_play(judge, steps=20):
        observed, true = observed_masks(judge, batch.observe()), batch.action_mask().astype(bool)
        assert observed[true].all()
        assert np.array_equal(observed[:, :3], true[:, :3])
        assert observed[:, 3:].all()


def test_it_says_where_there_are_no_masks():
    with pytest.raises(ValueError, match="OnlineKnapsack can't be read from observations"):
        observed_masks(as_problem(OnlineKnapsack()), np.zeros((1, 4)))
    with pytest.raises(ValueError, match="TrapTree has no masks"):
        make_agent("maskable_ppo", "budgetgym/TrapTree-v0")
    with pytest.raises(ValueError, match="several topics share the effort"):
        make_agent("maskable_ppo", SocialSteering(topics=2))
    with pytest.raises(ValueError, match="can be numbered"):
        make_agent("maskable_ppo", SocialSteering(levels=None))
