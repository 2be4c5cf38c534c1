"""Reading routing logs: the layouts, the benchmarks' known numbers, and every mistake."""

import gzip
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.routing.logged.logs import ANSWER_TOKENS, CHARS_PER_TOKEN, RoutingLog, load_routing_log
from toy_logs import long_of, toy_frame

TWO = pd.DataFrame(
    {
        "prompt_chars": [100, 200, 400],
        "outcome:a": [1, 0, 0.5],
        "outcome:b": [1, 1, 1],
        "cost:a": [0.1, 0.1, 0.2],
        "cost:b": [1.0, 2.0, 3.0],
    }
)


def same(one: RoutingLog, other: RoutingLog) -> bool:
    arrays = all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("outcome", "cost", "prompt_chars", "domain", "task", "train")
    )
    return arrays and one.models == other.models and one.domains == other.domains


@pytest.mark.parametrize("steps", [1, 4])
def test_all_layouts_and_formats_hold_the_same_log(tmp_path, steps):
    frame = toy_frame(steps=steps)
    log = load_routing_log(frame)
    assert log.models == ("small", "medium", "large")
    assert log.tasks == 60
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.to_csv(tmp_path / "log.csv.gz", index=False)
    (tmp_path / "unnamed").write_bytes(gzip.compress((tmp_path / "log.csv").read_bytes()))
    frame.to_parquet(tmp_path / "log.parquet")
    long_of(frame).to_parquet(tmp_path / "long.parquet")
    for name in ("log.csv", "log.csv.gz", "unnamed", "log.parquet", "long.parquet"):
        assert same(load_routing_log(tmp_path / name), log), name
    assert same(load_routing_log(long_of(frame)), log)
    assert load_routing_log(log) is log


def test_by_hand():
    log = load_routing_log(TWO)
    assert log.outcome.tolist() == [[1, 1], [0, 1], [0.5, 1]]
    assert log.domains == ("all",)
    assert log.step.tolist() == [0, 0, 0]
    quality, cost = log.each_alone()
    assert quality == pytest.approx([0.5, 1])
    assert cost == pytest.approx([0.4 / 3, 2])
    assert [column.tolist() for column in log.under(np.array([1, 0, 0]))] == [[1, 0, 0.5], [1.0, 0.1, 0.2]]
    assert log.known.most_expensive == 1
    assert not log.outcome.flags.writeable


def test_steps_are_sorted_into_traces_and_multiply():
    frame = pd.DataFrame(
        {
            "query": ["x", "y", "x", "y", "x"],
            "step": [2, 0, 0, 1, 1],
            "prompt_chars": [30, 1, 10, 2, 20],
            "outcome:a": [0.5, 1, 1, 1, 0.5],
            "cost:a": [3.0, 10, 1, 20, 2],
        }
    )
    log = load_routing_log(frame)
    assert log.prompt_chars.tolist() == [10, 20, 30, 1, 2]
    assert log.task.tolist() == [0, 0, 0, 1, 1]
    assert log.last.tolist() == [False, False, True, False, True]
    assert log.step.tolist() == [0, 1, 2, 0, 1]
    assert [column.tolist() for column in log.under(np.zeros(5, int))] == [[0.25, 1], [6, 30]]


def test_what_is_known_before_a_call_depends_on_the_prompt_alone():
    frame = toy_frame(200)
    log = load_routing_log(frame)
    assert (log.quoted_cost >= log.cost).all()
    assert (log.quoted_cost >= log.expected_cost).all()
    assert log.expected_cost.mean(axis=0) == pytest.approx(log.cost.mean(axis=0))
    by_length = np.argsort(log.prompt_chars)
    assert (np.diff(log.quoted_cost[by_length], axis=0) >= -1e-12).all()
    exact = load_routing_log(frame, prices=dict.fromkeys(log.models, (1.0, 0.0)))
    assert exact.quoted_cost == pytest.approx(exact.cost)
    assert exact.expected_cost == pytest.approx(exact.cost)


def test_parts():
    log = load_routing_log(toy_frame(61, steps=3))
    train, test = log.part("train"), log.part("test")
    assert (train.tasks, test.tasks) == (30, 31)
    assert len(train) + len(test) == len(log)
    assert train.known is log.known
    assert test.task.tolist() == sorted(test.task.tolist())
    assert same(load_routing_log(toy_frame(61, steps=3), split="test"), test)
    own = load_routing_log(TWO.assign(split=["train", "test", "train"]))
    assert own.own_split
    assert own.part("test").cost.tolist() == [[0.1, 2.0]]


def test_models_can_be_chosen_and_priced():
    log = load_routing_log(TWO, models=["b"])
    assert log.models == ("b",)
    assert log.known.highest_cost == 2.0
    assert load_routing_log(TWO, models=["b", "a"]).outcome[1].tolist() == [1, 0]
    priced = load_routing_log(TWO, prices={"a": 0.5, "b": (8.0, 20.0)})
    answer = 20.0 * ANSWER_TOKENS
    assert priced.cost[:, 0].tolist() == [0.5] * 3
    assert priced.cost[:, 1] == pytest.approx([(8.0 * chars / CHARS_PER_TOKEN + answer) / 1e6 for chars in (100, 200, 400)])
    counted = load_routing_log(TWO.assign(**{"answer_chars:b": [4, 8, 40]}), prices={"a": 0, "b": (0, 1.0)})
    assert counted.cost[:, 1] == pytest.approx([1e-6, 2e-6, 1e-5])


def test_a_log_is_read_again_when_its_file_changes(tmp_path):
    TWO.to_csv(tmp_path / "log.csv", index=False)
    assert len(load_routing_log(tmp_path / "log.csv")) == 3
    pd.concat([TWO, TWO]).to_csv(tmp_path / "log.csv", index=False)
    assert len(load_routing_log(tmp_path / "log.csv")) == 6


def test_a_log_does_not_change_with_the_table():
    frame = TWO.copy()
    log = load_routing_log(frame)
    frame.loc[0, ["outcome:a", "prompt_chars"]] = 0
    assert log.outcome[0, 0] == 1
    assert log.prompt_chars[0] == 100


def test_gsm8k(shared_data):
    log = load_routing_log(shared_data / "routing/compact/routellm_gsm8k.csv")
    assert len(log) == 1319
    assert log.each_alone()[0] == pytest.approx([0.638, 0.857], abs=5e-4)
    assert log.outcome.max(axis=1).mean() == pytest.approx(0.929, abs=5e-4)
    first = (280 * 0.6 + 233 * 0.6) / 4e6, (280 * 10 + 262 * 30) / 4e6
    assert log.cost[0] == pytest.approx(first)


def test_mmlu(shared_data):
    log = load_routing_log(shared_data / "routing/compact/routellm_mmlu.csv.gz")
    assert (len(log), len(log.domains)) == (14042, 57)
    assert log.each_alone()[0] == pytest.approx([0.681, 0.806], abs=5e-4)
    assert log.outcome.max(axis=1).mean() == pytest.approx(0.859, abs=5e-4)


def test_llmrouter(shared_data):
    log = load_routing_log(shared_data / "routing/compact/llmrouter_scores.csv.gz")
    assert (len(log), len(log.domains), len(log.models)) == (6108, 14, 9)
    for part, oracle, best in (("train", 0.802, 0.621), ("test", 0.743, 0.563)):
        half = log.part(part)
        assert half.outcome.max(axis=1).mean() == pytest.approx(oracle, abs=5e-4)
        assert half.each_alone()[0].max() == pytest.approx(best, abs=5e-4)


def changed(**columns):
    return TWO.assign(**{name.replace("__", ":"): values for name, values in columns.items()})


TRACES = changed(query=["x", "x", "y"], step=[0, 1, 0])
LONG = long_of(TWO.assign(query=[0, 1, 2]))


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        (TWO, {"models": ["a", "bb"]}, r"models names 'bb', which data frame does not have; .*'b'|models names 'bb'"),
        (TWO, {"models": ["a", "a"]}, "each once"),
        (TWO, {"models": []}, "at least one model"),
        (TWO, {"split": "dev"}, "split is 'dev'; expected 'all', 'train' or 'test'"),
        (TWO, {"prices": {"a": 1.0}}, "prices lacks the model 'b'"),
        (TWO, {"prices": {"a": 1.0, "b": 1.0, "c": 1.0}}, "prices names the model 'c'"),
        (TWO, {"prices": {"a": -1.0, "b": 1.0}}, r"prices\['a'\] is -1.0; expected dollars per call"),
        (TWO, {"prices": {"a": (1.0, 2.0, 3.0), "b": 1.0}}, r"prices\['a'\] is \(1.0, 2.0, 3.0\)"),
        (TWO, {"prices": {"a": "cheap", "b": 1.0}}, r"prices\['a'\] is 'cheap'"),
        (TWO, {"prices": {"a": "1_0", "b": 1.0}}, r"prices\['a'\] is '1_0'"),
        (TWO, {"prices": {"a": None, "b": 1.0}}, r"prices\['a'\] is None"),
        (TWO, {"prices": 3.0}, "prices is 3.0; expected a mapping"),
        (changed(outcome__a=[1, 1.2, 0]), {}, r"row 1 \(0-based\): outcome:a is 1.2; expected a number in \[0, 1\]"),
        (changed(outcome__b=[1, -0.1, 0]), {}, r"row 1 \(0-based\): outcome:b is -0.1"),
        (changed(outcome__b=[1, np.nan, 0]), {}, r"row 1 \(0-based\): outcome:b is nan"),
        (changed(outcome__b=["1", "yes", "0"]), {}, r"row 1 \(0-based\): outcome:b is 'yes'; expected a number"),
        (changed(cost__a=[0.1, np.nan, 0.1]), {}, r"row 1 \(0-based\): cost:a is nan; expected a number >= 0"),
        (changed(cost__a=[0.1, 0.1, -3]), {}, r"row 2 \(0-based\): cost:a is -3"),
        (changed(cost__a=[0.1, np.inf, -3]), {}, r"row 1 \(0-based\): cost:a is inf"),
        (changed(prompt_chars=[1, 2, -3]), {}, r"row 2 \(0-based\): prompt_chars is -3; expected a number >= 0"),
        (changed(cost__c=[1, 1, 1]), {}, "column 'cost:c' is of an unknown model; expected one of a, b"),
        (TWO.drop(columns=["cost:b"]), {}, "no column 'cost:b'; expected the cost of every model"),
        (TWO.drop(columns=["cost:a", "cost:b"]), {}, r"has no costs and prices is None; expected `cost:MODEL` columns"),
        (TWO.drop(columns=["prompt_chars"]), {}, r"no column `prompt_chars`; it has \['outcome:a'"),
        (TWO[["prompt_chars", "cost:a"]], {}, "no column `outcome:MODEL`"),
        (TWO.iloc[:0], {}, "holds no queries"),
        (TRACES.assign(step=[0, 0, 0]), {}, "query 'x' has step 0 twice"),
        (TRACES.assign(split=["train", "test", "test"]), {}, "steps in both parts"),
        (changed(split=["train", "dev", "test"]), {}, "split is 'dev'; expected 'train' or 'test'"),
        (changed(split=["train"] * 3), {"split": "test"}, "has no tasks in that part"),
        (LONG.iloc[:-1], {}, "query '2' has no row for model 'b'"),
        (pd.concat([LONG, LONG.iloc[:1]]), {}, r"row 6 \(0-based\): query '0' has two rows for model 'a'"),
        (LONG.drop(columns=["query"]), {}, r"lacks the columns \['query'\]"),
        (LONG.assign(prompt_chars=range(6)), {}, "query '0' is described differently"),
        (changed(query=["x", None, "y"]), {}, r"row 1 \(0-based\): query is missing"),
        (TRACES.assign(step=[0, 1, np.nan]), {}, r"row 2 \(0-based\): step is nan"),
        (LONG.assign(model=["a", None] * 3), {}, r"row 1 \(0-based\): model is missing"),
        ([1, 2], {}, r"log is \[1, 2\]; expected the path"),
        (load_routing_log(TWO), {"prices": {"a": 1.0, "b": 1.0}}, "already made"),
    ],
)
def test_mistakes_are_explained(table, settings, message):
    with pytest.raises(ValueError, match=message):
        load_routing_log(table, **settings)


CSV = "query,domain,split,prompt_chars,outcome:a,outcome:b,cost:a,cost:b\n"
IDS = ("007", "7", "07", "1.0", "1", "1e0", "NA", "nan")


def test_ids_are_text_and_what_is_empty_has_no_name(tmp_path):
    rows = "".join(f"{name},{name if name != 'nan' else ''},test,10,True,0,.1,+1e-1\r\n" for name in IDS)
    (tmp_path / "log.csv").write_bytes(f"\ufeff{CSV}{rows}".encode())
    log = load_routing_log(tmp_path / "log.csv")
    assert log.tasks == len(IDS)
    assert log.domains == (*IDS[:-1], "")
    assert log.outcome[0].tolist() == [1, 0]
    assert log.cost[0].tolist() == [0.1, 0.1]
    mixed = pd.concat([TWO] * 2, ignore_index=True).assign(query=[1, 1.0, "1", "01", True, np.int64(2)], domain=np.nan)
    assert load_routing_log(mixed).tasks == 5  # 1 and "1" are written alike
    assert load_routing_log(mixed).domains == ("",)
    long = "query,model,prompt_chars,outcome,cost\n7,a,1,0,1\n07,a,1,1,1\n7,b,1,1,2\n07,b,1,0,2\n"
    (tmp_path / "long.csv").write_text(long)
    assert load_routing_log(tmp_path / "long.csv").outcome.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2,x,test,10,1,0,1,2,", r"'2,x,test,10,1,0,1,2,' has 9 fields, the header has 8"),
        ("2,x,test,10,1,0,1", "has 7 fields, the header has 8"),
        ("2,x,test,0xFF,1,0,1,2", "prompt_chars is '0xFF'; expected a number >= 0"),
        ("2,x,test,1_000,1,0,1,2", "prompt_chars is '1_000'"),
        ("2,x,test, 10,1,0,1,2", "prompt_chars is ' 10'"),
        ("2,x,test,10,nan,0,1,2", r"outcome:a is 'nan'; expected a number in \[0, 1\]"),
        ("2,x,test,10,1,0,inf,2", "cost:a is 'inf'"),
        ("2,x,test,10,1,0,True,2", "cost:a is 'True'"),
        (",x,test,10,1,0,1,2", "query is missing"),
        ("2,x,dev,10,1,0,1,2", "split is 'dev'; expected 'train' or 'test'"),
    ],
)
def test_a_wrong_row_of_a_file_is_named_by_its_line(tmp_path, row, message):
    (tmp_path / "log.csv").write_text(f'{CSV}1,"two\nlines",test,10,1,0,1,2\n\n{row}\n')
    with pytest.raises(ValueError, match=rf"log\.csv, line 5: .*{message}"):
        load_routing_log(tmp_path / "log.csv")


def test_lengths_of_answers_are_only_read_for_prices():
    frame = TWO.assign(**{"answer_chars:a": [1.0, np.nan, 1.0]})
    assert len(load_routing_log(frame)) == 3
    with pytest.raises(ValueError, match="answer_chars:a is nan"):
        load_routing_log(frame, prices={"a": (1, 1), "b": (1, 1)})


def test_too_many_domains():
    frame = pd.concat([TWO] * 100, ignore_index=True)
    with pytest.raises(ValueError, match="300 domains; expected at most 256"):
        load_routing_log(frame.assign(domain=range(300)))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv does not exist"):
        load_routing_log(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        load_routing_log(str(tmp_path))
    packed = gzip.compress(toy_frame(500).to_csv().encode())
    (tmp_path / "broken.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(OSError, match=r"broken\.csv\.gz can't be read to its end"):
        load_routing_log(tmp_path / "broken.csv.gz")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises((ValueError, OSError), match=r"broken\.parquet"):
        load_routing_log(tmp_path / "broken.parquet")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"empty\.csv is empty"):
        load_routing_log(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost": np.ones((3, 1))}, r"cost has shape \(3, 1\); expected \(3, 2\)"),
        ({"outcome": np.full((3, 2), 1.5)}, r"outcome of row 0 is \[1.5 1.5\]; expected numbers in \[0, 1\]"),
        ({"cost": np.full((3, 2), np.nan)}, "cost of row 0"),
        ({"domain": np.array([0, 0, 1])}, r"domain of row 2 is 1; expected integers in 0\.\.0"),
        ({"task": np.array([0, 2, 3])}, "task of row 1 is 2"),
        ({"task": np.array([1, 1, 2])}, "task of row 0 is 1"),
    ],
)
def test_a_log_made_by_hand_is_checked(change, message):
    with pytest.raises(ValueError, match=message):
        replace(load_routing_log(TWO), **change)
