import base64
import io
import json
import pickle
import zipfile
from typing import Any

import gymnasium as gym
import pytest
import torch
from budgetgym import make_agent
from budgetgym.agents.learning.saved import MEMBER
from stable_baselines3 import PPO

BIDDING, ROUTING, STEERING = (f"budgetgym/{name}-v0" for name in ("RealTimeBidding", "AgenticRouting", "SocialSteering"))
SMALL: dict[str, Any] = {"lanes": 4, "n_steps": 10, "batch_size": 40}


@pytest.fixture(scope="module")
def bidder(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "ppo.zip"
    make_agent("ppo", gym.make(BIDDING, T=20), **SMALL).learn(40).save(path)  # type: ignore[attr-defined]
    return path


def changed(path, out, name, content):
    """A copy with another content of one member; None leaves it out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
            elif content is not None:
                new.writestr(name, content)
    return out


def test_a_file_says_what_it_was_made_for(bidder):
    said = json.loads(zipfile.ZipFile(bidder).read(MEMBER))
    assert (said["agent"], said["fit"]["problem"], said["problem_settings"]) == ("ppo", "RealTimeBidding", {"T": "20"})
    assert said["settings"] == SMALL
    assert {"budgetgym", "stable-baselines3", "torch"} <= set(said["versions"])
    assert PPO.load(bidder, device="cpu").num_timesteps == 40  # SB3 reads it too


def test_what_does_not_fit_is_refused_by_name(bidder, tmp_path):
    env = gym.make(BIDDING, T=20)
    with pytest.raises(ValueError, match="was saved by ppo, not by a2c; load it as 'ppo:path="):
        make_agent(f"a2c:path={bidder}", env)
    with pytest.raises(ValueError, match="it was made for RealTimeBidding, and this is AgenticRouting"):
        make_agent(f"ppo:path={bidder}", gym.make(ROUTING))
    with pytest.raises(ValueError, match=r"other observations, \(theta, .*last_price.*here they are \(theta, last_win"):
        make_agent(f"ppo:path={bidder}", gym.make(BIDDING, T=20, feedback="win"))
    path = tmp_path / "steering.zip"
    make_agent("ppo", gym.make(STEERING, discrete=True, levels=[0.6, 0.7]), **SMALL).learn(40).save(path)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"made for levels=0.6, 0.7, and here levels is 0.7, 0.9"):
        make_agent(f"ppo:path={path}", gym.make(STEERING, discrete=True, levels=[0.7, 0.9]))


class Runs:
    """Pickled so that reading it would run code."""

    def __reduce__(self):
        return pytest.fail, ("code of the file was run",)


def test_no_code_of_a_file_is_run(bidder, tmp_path):
    """Neither what SB3 pickles in `data`, nor what torch might unpickle with the weights."""
    env = gym.make(BIDDING, T=20)
    data = json.loads(zipfile.ZipFile(bidder).read("data"))
    evil = io.BytesIO()
    for entry in data.values():
        if isinstance(entry, dict) and ":serialized:" in entry:
            entry[":serialized:"] = base64.b64encode(pickle.dumps(Runs())).decode()
    make_agent("ppo", env, path=changed(bidder, tmp_path / "data.zip", "data", json.dumps(data)))
    torch.save(Runs(), evil)
    with pytest.raises(ValueError, match=r"weights\.zip holds no weights"):
        make_agent("ppo", env, path=changed(bidder, tmp_path / "weights.zip", "policy.pth", evil.getvalue()))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (MEMBER, None, "does not say what it was made for. A model that Stable-Baselines3 saved"),
        (MEMBER, "{}", "as this version reads it"),
        (MEMBER, "no JSON", "as this version reads it"),
        ("policy.pth", b"no weights", "holds no weights"),
        ("policy.pth", None, "holds no weights"),
    ],
)
def test_files_that_are_not_an_agent(bidder, tmp_path, name, content, message):
    path = changed(bidder, tmp_path / "broken.zip", name, content)
    with pytest.raises(ValueError, match=message):
        make_agent("ppo", gym.make(BIDDING, T=20), path=path)


def test_files_that_are_no_zip_or_cut_short(bidder, tmp_path):
    for content in (b"", b"no zip", bidder.read_bytes()[:-100]):  # cut short, it ends with a zip file of torch's
        (tmp_path / "broken.zip").write_bytes(content)
        with pytest.raises(ValueError, match=r"broken\.zip (is not a zip file, or is damaged|was not saved by an agent)"):
            make_agent(f"ppo:path={tmp_path / 'broken.zip'}", gym.make(BIDDING, T=20))


def test_settings_that_a_file_cant_hold_are_asked_for(tmp_path):
    env = gym.make(STEERING)
    agent: Any = make_agent("ppo", env, **SMALL, learning_rate=lambda left: 1e-3 * left).learn(40)  # type: ignore[attr-defined]
    agent.save(tmp_path / "ppo.zip")
    loaded: Any = make_agent("ppo", env, path=tmp_path / "ppo.zip")
    assert loaded.predict(env.reset(seed=0)[0])[0] == agent.predict(env.reset(seed=0)[0])[0]  # to decide it needs none
    with pytest.raises(ValueError, match=r"can't hold \(learning_rate\)"):
        loaded.learn(40)
    make_agent("ppo", env, path=tmp_path / "ppo.zip", learning_rate=1e-3).learn(40)  # type: ignore[attr-defined]
    wide = {"net_arch": [8], "activation_fn": torch.nn.ReLU}
    make_agent("ppo", env, **SMALL, policy_kwargs=wide).learn(40).save(tmp_path / "wide.zip")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="made with policy_kwargs that a file can't hold"):
        make_agent("ppo", env, path=tmp_path / "wide.zip")
    make_agent("ppo", env, path=tmp_path / "wide.zip", policy_kwargs=wide)
    with pytest.raises(ValueError, match="holds no weights for the network of this agent with these settings"):
        make_agent("ppo", env, path=tmp_path / "wide.zip", policy_kwargs={"net_arch": [9]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_steps": 1, "lanes": 1}, "ppo can't be made with n_steps=1, lanes=1: `n_steps \\* n_envs` must be greater than 1"),
        ({"batch_size": -1}, "batch_size is -1; expected an integer >= 1"),
        ({"lanes": 2**63}, "lanes is 9223372036854775808; expected at most"),
        ({"n_stesp": 3}, "ppo has no setting 'n_stesp'; did you mean 'n_steps'"),
        ({"policy_kwargs": 3}, "policy_kwargs is 3; expected a mapping"),
        ({"seed": "x"}, "seed is 'x'; expected an integer >= 0"),
        ({"learning_rate": "fast"}, "ppo can't be made with learning_rate='fast'|learning_rate"),
    ],
    ids=str,
)
def test_settings_that_cant_be_meant(settings, message):
    with pytest.raises(ValueError, match=message):
        make_agent("ppo", gym.make(STEERING), **settings).learn(10)  # type: ignore[attr-defined]
