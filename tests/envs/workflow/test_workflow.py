"""Workflows: what a file says, and what is wrong with a bad one."""

import json

import numpy as np
import pytest
from budgetgym.envs.workflow.instances import INSTANCES, make_workflow, random_workflow
from budgetgym.envs.workflow.problem import WorkflowRouting
from budgetgym.envs.workflow.workflow import Model, Subtask, Workflow, log_normal

GOOD = {
    "models": {"small": {"price": 0.4, "speed": 150}, "large": {"price": 8, "speed": 60}},
    "subtasks": {
        "plan": {"success": {"small": 0.6, "large": 0.9}, "length": 400},
        "write": {
            "after": ["plan"],
            "success": {"small": 0.3, "large": 0.8},
            "length": {"small": [900, 500], "large": {"median": 800, "sigma": 0.5, "atoms": 4, "longest": 1000}},
        },
    },
    "dollars": 0.05,
    "seconds": 60,
}


def changed(path, value):
    """GOOD with the entry at `path` replaced, or removed for ..."""
    table = json.loads(json.dumps(GOOD))
    *parents, last = path
    at = table
    for key in parents:
        at = at[key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return table


def test_a_file_is_read(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(GOOD))
    workflow = Workflow.load(path)
    assert workflow.name == "report"
    assert workflow.success().tolist() == [[0.6, 0.9], [0.3, 0.8]]
    assert workflow.lengths()[0] == [(400.0,), (400.0,)]
    assert workflow.lengths()[1][0] == (500.0, 900.0)
    assert workflow.lengths()[1][1] == log_normal(800, 0.5, 4, 1000)
    assert workflow.predecessors().tolist() == [0, 1]
    problem = WorkflowRouting(workflow=path)
    assert problem.budget.amounts == {"dollars": 0.05, "seconds": 60.0}
    assert problem.instance == "workflow report"
    assert WorkflowRouting(workflow=GOOD).instance == "workflow workflow"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["subtasks", "plan", "after"], ["write"], "has a cycle: 'plan' after 'write' after 'plan'; expected an acyclic"),
        (["subtasks", "plan", "after"], ["plan"], "has a cycle: 'plan' after 'plan'"),
        (["subtasks", "write", "after"], ["pln"], "after of subtask 'write' names 'pln'; expected one of 'plan', 'write'"),
        (["subtasks", "write", "after"], "plan", "after of subtask 'write' is 'plan'; expected a list"),
        (["subtasks", "plan", "success", "small"], 1.2, r"success of 'small' on 'plan' is 1\.2; expected a probability"),
        (["subtasks", "plan", "success", "small"], -0.1, r"is -0\.1; expected a probability"),
        (["subtasks", "plan", "success", "small"], float("nan"), "is nan; expected a probability"),
        (["subtasks", "plan", "success", "small"], "0.5", r"is '0\.5'; expected a probability"),
        (["subtasks", "plan", "success", "small"], True, "is True; expected a probability"),
        (["subtasks", "plan", "success", "small"], ..., r"success of subtask 'plan' is for the models \['large'\]"),
        (["subtasks", "plan", "success"], {"small": 0, "large": 0}, "success of subtask 'plan' is 0 with every model"),
        (["subtasks", "plan", "success"], 0.5, r"success of subtask 'plan' is 0\.5; expected a mapping"),
        (["subtasks", "plan", "length"], 0, "length of 'small' on 'plan' is 0; expected a finite number > 0"),
        (["subtasks", "plan", "length"], [100, -1], "is -1; expected a finite number > 0"),
        (["subtasks", "plan", "length"], [], r"is \[\]; expected tokens > 0"),
        (["subtasks", "plan", "length"], "long", "is 'long'; expected tokens > 0"),
        (["subtasks", "plan", "length"], {"median": 0, "sigma": 1}, "length of subtask 'plan': median is 0"),
        (["subtasks", "plan", "length"], {"median": 9, "sigma": -1}, "sigma is -1; expected a number >= 0"),
        (["subtasks", "plan", "length"], {"median": 9, "sigma": 1, "atoms": 0}, "atoms is 0; expected an integer"),
        (["subtasks", "plan", "length"], {"median": 9}, r"lacks \['sigma'\]"),
        (["subtasks", "plan", "length"], {"tiny": 9}, r"length of subtask 'plan' is for the models \['tiny'\]"),
        (["subtasks", "plan", "lenght"], 5, r"subtask 'plan' has \['lenght'\]; expected only"),
        (["subtasks", "plan"], 5, "subtask 'plan' is 5; expected a mapping"),
        (["subtasks"], {}, "has no subtask; expected at least one"),
        (["subtasks"], ..., r"the workflow lacks \['subtasks'\]"),
        (["models"], {}, "has no model; expected at least one"),
        (["models", "small", "price"], -1, "price of model 'small' is -1; expected a finite number >= 0"),
        (["models", "small", "speed"], float("inf"), "speed of model 'small' is inf"),
        (["models", "small", "speed"], ..., r"model 'small' lacks \['speed'\]"),
        (["dollars"], -1, "dollars of workflow 'workflow' is -1"),
        (["deadline"], 5, r"the workflow has \['deadline'\]; expected only"),
        (["name"], 5, "the name of a workflow is 5"),
    ],
)
def test_bad_workflows_are_refused(path, value, message):
    with pytest.raises(ValueError, match=message):
        WorkflowRouting(workflow=changed(path, value))


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json does not exist"):
        WorkflowRouting(workflow=str(tmp_path / "nowhere.json"))
    path = tmp_path / "broken.json"
    for text, message in (
        ("{", r"broken\.json: "),
        ("[]", r"the workflow is \[\]; expected a mapping"),
        ('{"models": {}, "models": {}}', "'models'.*stand there twice"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            Workflow.load(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(ValueError, match=r"broken\.json: "):
        Workflow.load(path)


def test_names_are_distinct():
    model, subtask = Model("m", 1, 1), Subtask("s", {"m": 0.5}, {"m": 10})
    with pytest.raises(ValueError, match=r"subtasks of the same name: \['s'\]"):
        Workflow("w", (model,), (subtask, subtask))
    with pytest.raises(ValueError, match=r"models of the same name: \['m'\]"):
        Workflow("w", (model, model), (subtask,))
    with pytest.raises(ValueError, match="63 subtasks; expected at most 62"):
        Workflow("w", (model,), tuple(Subtask(f"s{k}", {"m": 0.5}, {"m": 10}) for k in range(63)))
    with pytest.raises(ValueError, match="the name of a subtask is ''"):
        Subtask("", {"m": 0.5}, {"m": 10})


def test_the_order_respects_the_graph():
    subtasks = tuple(
        Subtask(name, {"m": 0.5}, {"m": 10}, after)
        for name, after in (("c", ("a", "b")), ("b", ("a",)), ("a", ()), ("d", ("b",)))
    )
    workflow = Workflow("w", (Model("m", 1, 1),), subtasks)
    order = workflow.order()
    before = workflow.predecessors()
    assert all(order.index(u) < order.index(v) for v in range(4) for u in range(4) if before[v] >> u & 1)
    # a takes 4, b 2, c 1, d 8: the longest paths that begin with each
    assert workflow.longest_path(np.array([1.0, 2.0, 4.0, 8.0])).tolist() == [1.0, 10.0, 14.0, 8.0]


def test_a_log_normal_has_its_median_and_spread():
    lengths = np.array(log_normal(1000, 0.5, 400))
    assert np.median(lengths) == pytest.approx(1000, rel=0.01)
    assert np.log(lengths).std() == pytest.approx(0.5, rel=0.01)
    assert lengths.mean() == pytest.approx(1000 * np.exp(0.125), rel=0.01)
    assert max(log_normal(1000, 0.5, 400, longest=1500)) == 1500
    assert log_normal(700, 0.0, 3) == (700.0, 700.0, 700.0)


def test_patient_use_by_hand():
    workflow = Workflow.from_dict(GOOD)
    mean = np.mean(log_normal(800, 0.5, 4, 1000))
    small, large = 700 * 0.4e-6 / 0.3, mean * 8e-6 / 0.8
    assert workflow.typical_use()[0] == pytest.approx(400 * 0.4e-6 / 0.6 + min(small, large))
    assert workflow.typical_use()[1] == pytest.approx(400 / 150 / 0.6 + min(700 / 150 / 0.3, mean / 60 / 0.8))


def test_instances():
    for name in INSTANCES:
        assert make_workflow(name).name == name
    assert random_workflow(seed=3) == random_workflow(seed=3)
    assert random_workflow(seed=3) != random_workflow(seed=4)
    for seed in range(20):
        workflow = random_workflow(subtasks=12, models=4, seed=seed)
        assert len(workflow.order()) == 12
        assert (np.diff(workflow.success(), axis=1) >= 0).all()
    with pytest.raises(ValueError, match="unknown instance 'dimond'; did you mean 'diamond'"):
        make_workflow("dimond")
    with pytest.raises(ValueError, match="subtasks is 0"):
        random_workflow(subtasks=0)
    with pytest.raises(ValueError, match="seed is -1"):
        WorkflowRouting(instance="random", instance_seed=-1)
