"""Frames, texts and windows of every environment."""

from __future__ import annotations

import os
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from budgetgym import as_sb3_vec_env
from budgetgym.envs.auction import auction_v0
from budgetgym.envs.core import BudgetedEnv
from budgetgym.envs.core.canvas import Box, Canvas, blend, fitting, text_width
from budgetgym.envs.core.render import COLUMNS, HEIGHT, WIDTH, amount
from budgetgym.envs.core.window import tile
from budgetgym.envs.society import society_v0
from gymnasium.wrappers import HumanRendering, RecordVideo
from ours import IDS
from own_problem import OnlineKnapsack
from pettingzoo.test import render_test
from toy_logs import toy_frame

TRAPTREE = "budgetgym/TrapTree-v0"
BIDDING = "budgetgym/RealTimeBidding-v0"
PLAYED: list[tuple[str, dict[str, Any]]] = [
    *((id, {}) for id in IDS),
    ("budgetgym/AgenticRouting-v0", {"log": toy_frame(), "T": 6}),
]


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setitem(os.environ, "SDL_VIDEODRIVER", "dummy")


def made(id: str, mode: str, **settings: Any) -> gym.Env:
    """Without the checker, which would render by itself."""
    return gym.make(id, render_mode=mode, disable_env_checker=True, **settings)


def steps(env: gym.Env, count: int, seed: int = 0) -> None:
    """Random actions in the episode that runs."""
    env.action_space.seed(seed)
    for _ in range(count):
        env.step(env.action_space.sample())


@pytest.mark.parametrize(("id", "settings"), PLAYED)
def test_frames_show_what_agents_know_and_change_with_it(id, settings):
    env = made(id, "rgb_array", **settings)
    env.reset(seed=0)
    first = env.render()
    steps(env, 1)
    second = env.render()
    assert isinstance(second, np.ndarray)
    assert (second.shape, second.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert (first != second).any()
    batch = env.unwrapped._batch
    batch.resample(np.array([5], np.uint64))
    np.testing.assert_array_equal(env.render(), second)
    revealed = made(id, "rgb_array", reveal=True, **settings)
    revealed.reset(seed=0)
    secrets = revealed.unwrapped._film.drawing.hidden(revealed.unwrapped.problem)
    assert bool((np.asarray(revealed.render()) != first).any()) == bool(secrets)


@pytest.mark.parametrize(("id", "settings"), PLAYED)
def test_texts_tell_the_decision_in_a_few_short_lines(id, settings):
    env = made(id, "ansi", reveal=True, **settings)
    env.reset(seed=0)
    assert "nothing yet" in str(env.render())
    steps(env, 1)
    lines = str(env.render()).splitlines()
    assert 3 <= len(lines) <= 8
    assert all(0 < len(line) <= COLUMNS for line in lines)
    labels = [line.split()[0] for line in lines]
    assert {"last", "now", "so"} <= set(labels)
    assert ("hidden:" in labels) == bool(env.unwrapped._film.drawing.hidden(env.unwrapped.problem))


@pytest.mark.parametrize("settings", [{}, {"budget": np.inf}, {"T": 1}, {"ticks": 4, "T": 40}, {"feedback": "full", "T": 3}])
def test_bidding_is_drawn_to_the_end(settings):
    env = made(BIDDING, "rgb_array", **({"T": 5} | settings))
    env.reset(seed=0)
    over = False
    while not over:
        over = env.step(env.action_space.sample())[2]
    assert np.asarray(env.render()).shape == (HEIGHT, WIDTH, 3)


def test_a_family_without_a_drawing_has_a_general_one():
    env = BudgetedEnv(OnlineKnapsack, render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    env.step(1)
    assert (before != env.render()).any()
    text = BudgetedEnv(OnlineKnapsack, render_mode="ansi")
    text.reset(seed=0)
    text.step(1)
    assert "action 1: cost" in text.render()


def test_nothing_is_recorded_without_a_render_mode():
    assert gym.make(TRAPTREE).unwrapped._film is None  # type: ignore[attr-defined]
    assert BudgetedEnv(OnlineKnapsack).render() is None


@pytest.mark.parametrize(
    ("arguments", "message"), [({"render_mode": "humam"}, "humam"), ({"render_mode": "ansi", "reveal": 2}, "reveal")]
)
def test_wrong_modes_are_refused(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        BudgetedEnv(OnlineKnapsack, **arguments)


def test_history_is_rewound_with_a_snapshot_and_forgotten_with_an_episode():
    env = BudgetedEnv(OnlineKnapsack, render_mode="rgb_array")
    env.reset(seed=0)
    env.step(1)
    kept, frame = env.snapshot(), env.render()
    env.step(0)
    env.step(1)
    env.restore(kept)
    np.testing.assert_array_equal(env.render(), frame)
    other = BudgetedEnv(OnlineKnapsack, render_mode="rgb_array")
    other.reset(seed=9)
    other.restore(kept)  # how it came there is not known
    assert len(other._film._views[0].history) == 0
    assert other.render().shape == frame.shape
    env.reset()
    assert env._film._views[0].history == []


@pytest.mark.parametrize("id", IDS)
def test_a_snapshot_of_another_environment_can_be_drawn(id):
    env, other = made(id, "rgb_array"), made(id, "rgb_array")
    env.reset(seed=0)
    steps(env, 2)
    other.reset(seed=1)
    other.unwrapped.restore(env.unwrapped.snapshot())
    assert np.asarray(other.render()).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP"])
def test_frames_of_lanes_are_those_of_single_environments(mode):
    envs = gym.make_vec(TRAPTREE, num_envs=3, render_mode="rgb_array", autoreset_mode=getattr(gym.vector.AutoresetMode, mode))
    env = made(TRAPTREE, "rgb_array")
    envs.reset(seed=7)
    env.reset(seed=8)
    for _ in range(2):
        np.testing.assert_array_equal(envs.render()[1], env.render())
        envs.step(np.zeros(3, int))
        env.step(0)
    for _ in range(6):  # through an end
        envs.step(np.zeros(3, int))
    frames = envs.render()
    assert len(frames) == 3
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    envs.close()


def test_sb3_gets_one_picture_of_all_lanes():
    venv = as_sb3_vec_env(TRAPTREE, 4, seed=0, render_mode="rgb_array")
    venv.reset()
    for _ in range(5):
        venv.step(np.zeros(4, int))
    image = venv.render()
    assert image.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    assert len(venv.get_images()) == 4
    text = as_sb3_vec_env(TRAPTREE, 2, seed=0, render_mode="ansi")
    text.reset()
    assert text.render().count("TrapTree") == 2
    with pytest.raises(ValueError, match="mode is 'human'"):
        text.render("human")


def test_videos_are_recorded(tmp_path):
    pytest.importorskip("moviepy")
    from stable_baselines3.common.vec_env import VecVideoRecorder

    env = RecordVideo(made(TRAPTREE, "rgb_array"), str(tmp_path / "gym"))
    env.reset(seed=0)
    for _ in range(4):
        env.step(0)
    env.close()
    assert next((tmp_path / "gym").glob("*.mp4")).stat().st_size > 0
    venv: Any = as_sb3_vec_env(TRAPTREE, 2, seed=0, render_mode="rgb_array")
    recorder = VecVideoRecorder(venv, str(tmp_path / "sb3"), lambda step: step == 0, video_length=4)
    recorder.reset()
    for _ in range(5):
        recorder.step(np.zeros(2, int))
    recorder.close()
    assert next((tmp_path / "sb3").glob("*.mp4")).stat().st_size > 0


def test_windows_open_by_themselves(monkeypatch):
    pygame = pytest.importorskip("pygame")
    monkeypatch.setattr("budgetgym.envs.core.render.RENDER_FPS", 1000)
    env = made(BIDDING, "human")
    env.reset(seed=0)
    steps(env, 2)
    assert env.render() is None
    assert pygame.display.get_surface().get_size() == (WIDTH, HEIGHT)
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    assert len(np.unique(shown)) > 3
    env.close()
    assert not pygame.display.get_init()
    envs = gym.make_vec(TRAPTREE, num_envs=2, render_mode="human")
    envs.reset(seed=0)
    assert pygame.display.get_surface().get_width() == 2 * WIDTH
    assert envs.render() is None
    envs.close()
    wrapped = HumanRendering(made(TRAPTREE, "rgb_array"))
    wrapped.reset(seed=0)
    wrapped.close()


@pytest.mark.parametrize(("mode", "missing", "extra"), [("rgb_array", "PIL", "frames"), ("human", "pygame", "human")])
def test_what_is_missing_is_named(monkeypatch, mode, missing, extra):
    monkeypatch.setitem(sys.modules, missing, None)
    env = BudgetedEnv(OnlineKnapsack, render_mode=mode)
    with pytest.raises(gym.error.DependencyNotInstalled, match=rf"budgetgym\[{extra}\]"):  # noqa: PT012
        env.reset(seed=0)
        env.render()


@pytest.mark.parametrize("game", [auction_v0.env, society_v0.env])
def test_pettingzoo_renders(game, monkeypatch):
    pytest.importorskip("pygame")
    monkeypatch.setattr("budgetgym.envs.core.render.RENDER_FPS", 1000)
    render_test(game)


@pytest.mark.parametrize(
    ("game", "settings"),
    [
        (auction_v0.parallel_env, {"rule": "gsp", "n_slots": 2, "granularity": "tick", "ticks": 4, "T": 40, "n_agents": 30}),
        (society_v0.parallel_env, {"cohort": 2, "reveal": True}),
        (society_v0.parallel_env, {"public_belief": "none", "observation": "history"}),
    ],
)
def test_games_are_drawn_with_all_settings(game, settings):
    for mode in ("ansi", "rgb_array"):
        env = game(render_mode=mode, **settings)
        env.reset(seed=0)
        while env.agents:
            kept = env.snapshot()
            env.step({agent: env.action_space(agent).sample() for agent in env.agents})
            shown = env.render()
        assert shown.shape == (HEIGHT, WIDTH, 3) if mode == "rgb_array" else max(map(len, shown.splitlines())) <= COLUMNS
        env.restore(kept)
        env.render()
        env.close()


def test_the_way_to_the_leaf_is_hidden():
    env = made(TRAPTREE, "rgb_array")
    env.reset(seed=0)
    before = env.render()
    state = env.unwrapped._batch.state  # type: ignore[attr-defined]
    state.solution[:, 1:] = (state.solution[:, 1:] + 1) % 4
    np.testing.assert_array_equal(env.render(), before)


def test_signals_of_agents_are_hidden():
    env = society_v0.raw_env(render_mode="rgb_array")
    env.reset(seed=0)
    env.step(np.array([1.0]))
    before = env.render()
    env._batch.state.signal[:] *= -1
    env._batch.state.planner.good[:] ^= True
    np.testing.assert_array_equal(env.render(), before)


def test_texts_fit_into_their_width():
    assert fitting("short", 15, 100) == "short"
    assert fitting("a long sentence that does not fit", 15, 60).endswith("..")
    assert text_width(fitting("a long sentence that does not fit", 15, 60), 15) <= 60
    assert fitting("x", 15, 0) == ""


def test_shapes_without_area_are_nothing():
    canvas = Canvas(20, 10)
    canvas.rectangle(Box(0, 0, 0, 5), (0, 0, 0))
    canvas.bar(Box(0, 0, 0, 0), 0.5)
    assert (canvas.array() == 255).all()
    assert blend((0, 0, 0), (100, 200, 255), 2.0) == (100, 200, 255)


def test_tiles_are_no_wider_than_they_may_be():
    frame = np.zeros((50, 80, 3), np.uint8)
    assert tile([frame]) is frame
    assert tile([frame] * 5, width=120).shape == (50, 120, 3)


@pytest.mark.parametrize(
    ("value", "words"), [(np.inf, "no limit"), (12345.6, "12,346"), (2.0, "2"), (2.5, "2.5"), (0.01234, "0.0123")]
)
def test_amounts_are_short(value, words):
    assert amount(value) == words
