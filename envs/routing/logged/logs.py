"""Routing logs: what every model answered to every query, how well, and for how much."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ...core.checks import is_number
from ...core.tables import numbers_of, place, read_csv, require_columns, texts_of
from ...hints import near

if TYPE_CHECKING:
    import pandas as pd

Price: TypeAlias = float | tuple[float, float]
"""Dollars per call; or dollars per million tokens of prompt and of answer."""

Part: TypeAlias = Literal["all", "train", "test"]

CHARS_PER_TOKEN = 4.0
"""English text, roughly; the compact logs count characters."""

ANSWER_TOKENS = 100.0
"""Length of an answer where the log does not say, about RouterArena's mean (67 to 87)."""

MOST_DOMAINS = 256
"""Observations have an entry for each domain, up to this many."""

SCHEMA = (
    "either one row per (query, step): `outcome:MODEL` and `cost:MODEL` for every model; or one per (query, step, model): "
    "`model`, `outcome` and `cost`; in both `prompt_chars`, and if wanted `query`, `step`, `domain` and `split`"
)

ROUTELLM_MODELS = ("mixtral-8x7b", "gpt-4-1106-preview")
ROUTELLM_PRICES: dict[str, Price] = {"mixtral-8x7b": (0.6, 0.6), "gpt-4-1106-preview": (10.0, 30.0)}
"""Published prices at the time of RouteLLM (RouterArena's table); the weak model first."""

LLMROUTER_PRICES: dict[str, Price] = {
    "llama3-chatqa-1.5-8b": (0.2, 0.2),
    "qwen2.5-7b-instruct": (0.2, 0.2),
    "llama3-chatqa-1.5-70b": (0.9, 0.9),
    "llama-3.1-nemotron-51b-instruct": (0.9, 0.9),
    "mistral-7b-instruct-v0.3": (0.2, 0.2),
    "gemma-2-9b-it": (0.1, 0.1),
    "llama-3.1-8b-instruct": (0.2, 0.2),
    "codegemma-7b": (0.2, 0.2),
    "llama-3.3-nemotron-super-49b-v1": (0.9, 0.9),
}
"""LLMRouter's own table: by the number of parameters, up to 9 billion and beyond, except for gemma-2-9b."""


class Known(NamedTuple):
    """What is known before a call. Measured once on a whole log, and the same for all of its parts.

    A model's cost is taken to be a line over the prompt's length plus what depends on the answer. `expected_cost` is that
    line, fitted by least squares; `quoted_cost` is the parallel line above every logged cost, the most that a call can cost.
    So a quote shows nothing of a query but the length of its prompt.
    """

    cost_line: npt.NDArray[np.float64]
    """(m, 3) dollars at no prompt, dollars per character, and how far the highest cost lies above that line."""
    length_mean: float
    """Of log(1 + characters of the prompt)."""
    length_sd: float
    steps: int
    """In the longest task."""
    most_expensive: int
    """The model with the highest mean cost; of several, the best one."""
    highest_cost: float
    """Its mean cost of a task, dollars."""
    highest_expected: float
    """The highest expected cost of any call, dollars."""


@dataclass(frozen=True, eq=False)
class RoutingLog:
    """Queries in order, and the outcome and cost of every model for each. n rows, m models, K domains.

    A row is a call. A task is a query, or a trace of several steps in consecutive rows: its outcome is the product of the
    outcomes of the models chosen at each, so it is passed if all are (TwinRouterBench's rule).

    Args:
        models: names, m.
        domains: names, K.
        outcome: (n, m) in [0, 1].
        cost: (n, m) dollars >= 0.
        prompt_chars: (n,) characters of the prompt.
        domain: (n,) in 0..K-1.
        task: (n,) number of the task, 0, 0, 1, 2, ... without gaps.
        train: (n,) whether the row belongs to the training part.
        source: where it comes from, for messages and reports.
        known: what is known before a call; by default measured on this log.
        own_split: the log itself says what is for training.

    The arrays are read-only here. `load_routing_log` makes logs from files and tables, and explains what is wrong with them.

    Raises:
        ValueError: arrays that do not fit together or hold values out of their range.
    """

    models: tuple[str, ...]
    domains: tuple[str, ...]
    outcome: npt.NDArray[np.float64]
    cost: npt.NDArray[np.float64]
    prompt_chars: npt.NDArray[np.float64]
    domain: npt.NDArray[np.int64]
    task: npt.NDArray[np.int64]
    train: npt.NDArray[np.bool_]
    source: str
    known: Known = None  # type: ignore[assignment]  # set below
    own_split: bool = False

    def __post_init__(self) -> None:
        for name in ("outcome", "cost", "prompt_chars", "domain", "task", "train"):
            column = getattr(self, name).view()
            column.setflags(write=False)
            object.__setattr__(self, name, column)
        _check(self)
        if self.known is None:
            object.__setattr__(self, "known", _measure(self))

    def __len__(self) -> int:
        return len(self.task)

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return int(self.task[-1]) + 1 if len(self) else 0

    @cached_property
    def start(self) -> npt.NDArray[np.int64]:
        """(tasks,) the first row of every task."""
        return np.flatnonzero(np.diff(self.task, prepend=-1))

    @cached_property
    def last(self) -> npt.NDArray[np.bool_]:
        """(n,) whether a row is the last of its task."""
        return np.diff(self.task, append=self.tasks) > 0

    @cached_property
    def step(self) -> npt.NDArray[np.int64]:
        """(n,) the steps before this one in its task."""
        return np.arange(len(self)) - self.start[self.task]

    @cached_property
    def length(self) -> npt.NDArray[np.float64]:
        """(n,) logarithm of the prompt's length, standardised over the whole log, and within -5 and 5."""
        return np.clip((np.log1p(self.prompt_chars) - self.known.length_mean) / self.known.length_sd, -5.0, 5.0)

    @cached_property
    def expected_cost(self) -> npt.NDArray[np.float64]:
        """(n, m) what a call is expected to cost; see `Known`."""
        return self._cost_line(0.0)

    @cached_property
    def quoted_cost(self) -> npt.NDArray[np.float64]:
        """(n, m) the most that a call can cost; see `Known`."""
        return np.maximum(_without_rounding(self._cost_line(1.0)), self.cost)

    def _cost_line(self, share: float) -> npt.NDArray[np.float64]:
        base, slope, excess = self.known.cost_line.T
        return np.maximum(base + slope * self.prompt_chars[:, None] + share * excess, 0.0)

    def part(self, which: Part) -> RoutingLog:
        """The tasks of the training part, of the test part, or all.

        Raises:
            ValueError: there are none.
        """
        if which not in ("all", "train", "test"):
            raise ValueError(f"split is {which!r}; expected 'all', 'train' or 'test'")
        if which == "all":
            return self
        rows = self.train if which == "train" else ~self.train
        if not rows.any():
            raise ValueError(f"split is {which!r}; {self.source} has no tasks in that part, expected at least one")
        return self.rows(rows, f"{self.source}, {which} part")

    def rows(self, chosen: npt.NDArray[np.bool_], source: str) -> RoutingLog:
        """The chosen rows (n,), whole tasks, as a log."""
        _, task = np.unique(self.task[chosen], return_inverse=True)
        columns = {name: getattr(self, name)[chosen] for name in ("outcome", "cost", "prompt_chars", "domain", "train")}
        return replace(self, **columns, task=task, source=source)

    def under(self, model: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Outcome and cost of every task, each (tasks,), when row i is answered by `model[i]`."""
        rows = np.arange(len(self))
        return (
            np.multiply.reduceat(self.outcome[rows, model], self.start),
            np.add.reduceat(self.cost[rows, model], self.start),
        )

    def each_alone(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean outcome and mean cost of a task under each model alone, (m,) each."""
        outcome = np.multiply.reduceat(self.outcome, self.start, axis=0)
        cost = np.add.reduceat(self.cost, self.start, axis=0)
        return outcome.mean(axis=0), cost.mean(axis=0)


def load_routing_log(
    source: str | os.PathLike[str] | pd.DataFrame | RoutingLog,
    models: Sequence[str] | None = None,
    prices: Mapping[str, Price] | None = None,
    split: Part = "all",
) -> RoutingLog:
    """Read a routing log.

    A CSV file (plain or gzipped), a Parquet file or a data frame, with a row per (query, step):

    | Column | Meaning | Needed |
    |---|---|---|
    | prompt_chars | characters of the prompt, >= 0 | yes |
    | outcome:MODEL | how well MODEL answered, in [0, 1]; one column per model | yes |
    | cost:MODEL | what that cost, dollars | unless `prices` are given |
    | answer_chars:MODEL | characters of the answer, for `prices` per token | no: 100 tokens |
    | query | id of the task; rows that share one are the steps of a trace | no: every row is one |
    | step | order of the rows of a task, numbers | no: as they come |
    | domain | subject or benchmark, at most 256 different ones; a missing one is "" | no |
    | split | "train" or "test" | no: half of the tasks each, drawn once and for all |

    Queries, domains and models are text: 7, 07 and 7.0 are three queries. Numbers are plain decimals; outcomes may also be
    True or False.

    or the same with a row per (query, step, model), where the columns `model`, `outcome`, `cost` and `answer_chars` take the
    place of those with a model in their name; `query` is then needed.

    Three published benchmarks are recognised in their compact layouts, which have no costs: `routellm_gsm8k.csv`,
    `routellm_mmlu.csv.gz` and `llmrouter_scores.csv.gz`. Costs are then token prices, with four characters to a token:
    RouteLLM's Mixtral-8x7B at 0.6 dollars per million and GPT-4-1106 at 10 for prompts and 30 for answers; LLMRouter's own
    table (0.2 dollars up to 9 billion parameters, 0.1 for gemma-2-9b, 0.9 above). An MMLU answer is a single token.
    (Among RouteLLM's MMLU answers those of GPT-4 to high_school_mathematics are broken: 3 % are right.)

    Args:
        source: path of a file, a data frame, or a log.
        models: which ones to keep, and in which order; by default all in the order of the log.
        prices: of every model; dollars per call, or dollars per million tokens of (prompt, answer). Replace logged costs.
        split: "all", "train" or "test".

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a row has more or fewer fields than the header, a column is missing, a value is not a number or out of
            range, a model is unknown; the message names the source, the line (of tables the row) and what was expected.
        OSError: the file cannot be read to its end.
    """
    if isinstance(source, RoutingLog):
        if prices is not None:
            raise ValueError(f"prices is {prices!r} with a log that is already made; expected its file or table")
        log = source
    else:
        frame, name = _read(source)
        log = _from_table(_tidy(frame, name, repriced=prices is not None), prices, name)
    return (log if models is None else _only(log, models)).part(split)


class _Table(NamedTuple):
    """A log as it was read, a row per (query, step). All numbers are in their ranges."""

    models: tuple[str, ...]
    outcome: npt.NDArray[np.float64]  # (n, m)
    cost: npt.NDArray[np.float64] | None  # (n, m)
    answer_tokens: npt.NDArray[np.float64]  # (n, m)
    prompt_chars: npt.NDArray[np.float64]
    query: npt.NDArray[Any]  # text
    step: npt.NDArray[np.float64] | None
    domain: npt.NDArray[Any]  # text
    split: npt.NDArray[Any] | None  # text
    prices: Mapping[str, Price] | None = None  # published ones


# --- files ----------------------------------------------------------------------------------------------------------------


def _read(source: Any) -> tuple[pd.DataFrame, str]:
    """The table of a file or frame, and its name."""
    if hasattr(source, "columns"):
        return source, "data frame"
    if not isinstance(source, str | os.PathLike):
        raise ValueError(f"log is {source!r}; expected the path of a CSV or Parquet file, a data frame, or a RoutingLog")
    path = Path(os.path.abspath(source))
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise FileNotFoundError(f"the routing log {path} {what}; expected a CSV or Parquet file")
    stat = path.stat()
    return _read_cached(path, stat.st_mtime_ns, stat.st_size), str(path)


@lru_cache(maxsize=4)
def _read_cached(path: Path, mtime_ns: int, size: int) -> pd.DataFrame:
    # The last two arguments only make a changed file another key.
    import pandas as pd

    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"PAR1":
        return read_csv(path, f"the routing log {path}")
    try:
        return pd.read_parquet(path)
    except OSError as error:  # pyarrow's own are among them
        raise OSError(f"the routing log {path} can't be read to its end: {error}") from error
    except ValueError as error:
        raise ValueError(f"the routing log {path} is not Parquet, although it begins like that: {error}") from error


# --- layouts --------------------------------------------------------------------------------------------------------------


class _Columns(NamedTuple):
    """The columns of a table, checked as they are asked for."""

    frame: pd.DataFrame
    name: str

    def __contains__(self, column: object) -> bool:
        return column in self.frame.columns

    def __len__(self) -> int:
        return len(self.frame)

    def outcome(self, column: str) -> npt.NDArray[np.float64]:
        """In [0, 1]; True and False count as 1 and 0."""
        return numbers_of(self.frame, column, self.name, "a number in [0, 1]", low=0.0, high=1.0, booleans=True)

    def amount(self, column: str) -> npt.NDArray[np.float64]:
        """Dollars or characters."""
        return numbers_of(self.frame, column, self.name, "a number >= 0", low=0.0)

    def step(self) -> npt.NDArray[np.float64]:
        """What the rows of a task are sorted by."""
        return numbers_of(self.frame, "step", self.name)

    def text(self, column: str, needed: bool = True) -> npt.NDArray[Any]:
        """Ids and names; the domain may be empty."""
        return texts_of(self.frame, column, self.name, needed=needed)

    def split(self) -> npt.NDArray[Any] | None:
        """The part of every row, if the log says so."""
        if "split" not in self:
            return None
        split = self.text("split")
        if (odd := (split != "train") & (split != "test")).any():
            row = int(np.argmax(odd))
            raise ValueError(f"{self.name}, {place(self.frame, row)}: split is {split[row]!r}; expected 'train' or 'test'")
        return split


def _tidy(frame: pd.DataFrame, name: str, *, repriced: bool) -> _Table:
    """Read any of the layouts; if calls are priced anew, then also how long answers are."""
    require_columns(frame, (), name)
    columns = _Columns(frame, name)
    if all(column in columns for column in ("weak_correct", "strong_correct", "prompt_chars")):
        return _routellm(columns)
    if all(column in columns for column in ("llama-3.1-8b-instruct", "task", "prompt_chars")):
        return _llmrouter(columns)
    if not repriced and any(str(column).partition(":")[0] == "cost" for column in frame):
        unused = [column for column in frame if str(column).partition(":")[0] == "answer_chars"]
        columns = _Columns(frame.drop(columns=unused), name)
    if "model" in columns:
        columns = _Columns(_widened(columns), name)
    return _wide(columns)


def _routellm(columns: _Columns) -> _Table:
    """GSM8K with the lengths of answers; MMLU with subjects, where the answer is a letter."""
    outcome = np.column_stack([columns.outcome(f"{which}_correct") for which in ("weak", "strong")])
    tokens = np.ones(outcome.shape)
    if "weak_resp_chars" in columns:
        require_columns(columns.frame, ("strong_resp_chars",), columns.name)
        tokens = np.column_stack([columns.amount(f"{which}_resp_chars") for which in ("weak", "strong")]) / CHARS_PER_TOKEN
    return _Table(
        models=ROUTELLM_MODELS,
        outcome=outcome,
        cost=None,
        answer_tokens=tokens,
        prompt_chars=columns.amount("prompt_chars"),
        query=np.arange(len(columns)),
        step=None,
        domain=columns.text("subject", needed=False) if "subject" in columns else np.full(len(columns), "gsm8k"),
        split=None,
        prices=ROUTELLM_PRICES,
    )


def _llmrouter(columns: _Columns) -> _Table:
    """Scores of a pool of models, with LLMRouter's own split."""
    models = tuple(str(column) for column in columns.frame if column not in ("split", "task", "prompt_chars"))
    outcome = np.column_stack([columns.outcome(model) for model in models])
    return _Table(
        models=models,
        outcome=outcome,
        cost=None,
        answer_tokens=np.full(outcome.shape, ANSWER_TOKENS),
        prompt_chars=columns.amount("prompt_chars"),
        query=np.arange(len(columns)),
        step=None,
        domain=columns.text("task", needed=False),
        split=columns.split(),
        prices=LLMROUTER_PRICES if set(models) <= set(LLMROUTER_PRICES) else None,
    )


def _widened(columns: _Columns) -> pd.DataFrame:
    """A table with a row per (query, step, model), as one with a row per (query, step)."""
    frame, name = columns
    require_columns(frame, ("query", "outcome"), name, SCHEMA)
    keys = ["query", "step"] if "step" in frame else ["query"]
    # Numbers are read here, where rows are still those of the file; ids as text, so that 7 and 07 stay two queries.
    frame = frame.assign(query=columns.text("query"), model=columns.text("model"), outcome=columns.outcome("outcome"))
    values = ["outcome", *(value for value in ("cost", "answer_chars") if value in frame)]
    for value in values[1:]:
        frame[value] = columns.amount(value)
    if "step" in frame:
        frame["step"] = columns.step()
    doubled = frame.duplicated([*keys, "model"]).to_numpy()
    if doubled.any():
        row = int(np.argmax(doubled))
        query, model = frame["query"].iloc[row], frame["model"].iloc[row]
        raise ValueError(f"{name}, {place(frame, row)}: query {query!r} has two rows for model {model!r}; expected one a step")
    own = frame.drop(columns=["model", *values]).drop_duplicates()
    if (twice := own.duplicated(keys).to_numpy()).any():
        row = int(np.argmax(twice))
        what = f"query {own['query'].iloc[row]!r} is described differently from model to model"
        raise ValueError(f"{name}, {place(own, row)}: {what}; expected the same")
    models = list(dict.fromkeys(frame["model"]))
    wide: Any = own.set_index(keys)
    answered = frame.assign(answered=True).pivot(index=keys, columns="model", values="answered").reindex(wide.index)
    for model in models:
        if (lacking := answered[model].isna().to_numpy()).any():
            query = own.loc[lacking, "query"].tolist()[0]
            raise ValueError(f"{name}: query {query!r} has no row for model {model!r}; expected one of every model a step")
    for value in values:
        table = frame.pivot(index=keys, columns="model", values=value).reindex(wide.index)
        for model in models:
            wide[f"{value}:{model}"] = table[model]
    return wide.reset_index().set_index(own.index)


def _wide(columns: _Columns) -> _Table:
    frame, name = columns
    models = _named(frame, "outcome")
    if not models or "prompt_chars" not in columns:
        what = "`outcome:MODEL`" if not models else "`prompt_chars`"
        raise ValueError(f"{name} has no column {what}; it has {list(frame.columns)[:20]}, expected {SCHEMA}")
    priced, counted = _named(frame, "cost"), _named(frame, "answer_chars")
    for kind, named in (("cost", priced), ("answer_chars", counted)):
        if unknown := [model for model in named if model not in models]:
            raise ValueError(f"{name}: column '{kind}:{unknown[0]}' is of an unknown model{near(unknown[0], models)}")
    if priced and (lacking := [model for model in models if model not in priced]):
        raise ValueError(f"{name} has no column 'cost:{lacking[0]}'; expected the cost of every model, or prices=")
    tokens = [
        columns.amount(f"answer_chars:{model}") / CHARS_PER_TOKEN if model in counted else np.full(len(frame), ANSWER_TOKENS)
        for model in models
    ]
    return _Table(
        models=tuple(models),
        outcome=np.column_stack([columns.outcome(f"outcome:{model}") for model in models]),
        cost=np.column_stack([columns.amount(f"cost:{model}") for model in models]) if priced else None,
        answer_tokens=np.column_stack(tokens),
        prompt_chars=columns.amount("prompt_chars"),
        query=columns.text("query") if "query" in columns else np.arange(len(frame)),
        step=columns.step() if "step" in columns else None,
        domain=columns.text("domain", needed=False) if "domain" in columns else np.full(len(frame), "all"),
        split=columns.split(),
    )


def _named(frame: pd.DataFrame, kind: str) -> list[str]:
    """The models that have a column of this kind."""
    return [str(column).partition(":")[2] for column in frame.columns if str(column).startswith(f"{kind}:")]


# --- from a table to a log ------------------------------------------------------------------------------------------------


def _from_table(table: _Table, prices: Mapping[str, Price] | None, name: str) -> RoutingLog:
    if len(table.outcome) == 0:
        raise ValueError(f"{name} holds no queries; expected at least one row")
    task = _codes(table.query)
    step = np.zeros(len(task)) if table.step is None else table.step
    order = np.lexsort((np.arange(len(task)), step, task))  # the rows of a task together, in the order of its steps
    task, step = task[order], step[order]
    if table.step is not None and (again := (np.diff(task) == 0) & (np.diff(step) == 0)).any():
        row = int(np.argmax(again))
        query = table.query[order].tolist()[row]
        raise ValueError(f"{name}: query {query!r} has step {step[row]:g} twice; expected every step once")
    prompt_chars = table.prompt_chars[order]
    if prices is not None or table.cost is None:
        charged, tokens = prices if prices is not None else table.prices, table.answer_tokens[order]
        cost = _priced(table.models, charged, prompt_chars / CHARS_PER_TOKEN, tokens, name)
    else:
        cost = table.cost[order]
    domains = tuple(dict.fromkeys(table.domain[order].tolist()))
    if len(domains) > MOST_DOMAINS:
        raise ValueError(f"{name} has {len(domains)} domains; expected at most {MOST_DOMAINS}, as broad as subjects are")
    return RoutingLog(
        models=table.models,
        domains=domains,
        outcome=table.outcome[order],
        cost=cost,
        prompt_chars=prompt_chars,
        domain=_codes(table.domain[order]),
        task=task,
        train=_training_rows(task, None if table.split is None else table.split[order], name),
        source=name,
        own_split=table.split is not None,
    )


def _codes(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Numbers 0, 1, ... of the different values, in the order in which they come first."""
    import pandas as pd

    return pd.factorize(values)[0].astype(np.int64)


def _training_rows(task: npt.NDArray[np.int64], split: npt.NDArray[Any] | None, name: str) -> npt.NDArray[np.bool_]:
    """Which rows are for training: as the log says, or a random half of the tasks that is always the same."""
    if split is None:
        tasks = int(task[-1]) + 1
        return (np.random.default_rng(0).permutation(tasks) < tasks // 2)[task]
    train = split == "train"
    if ((np.diff(task) == 0) & (np.diff(train) != 0)).any():
        raise ValueError(f"{name}: a query has steps in both parts of the split; expected whole tasks in one")
    return train


def _priced(
    models: tuple[str, ...],
    prices: Mapping[str, Price] | None,
    prompt_tokens: npt.NDArray[np.float64],
    answer_tokens: npt.NDArray[np.float64],
    name: str,
) -> npt.NDArray[np.float64]:
    """(n, m) dollars, from prices."""
    if prices is None:
        raise ValueError(f"{name} has no costs and prices is None; expected `cost:MODEL` columns, or prices= of {models}")
    if not isinstance(prices, Mapping):
        raise ValueError(f"prices is {prices!r}; expected a mapping from models to prices")
    for model in prices:
        if model not in models:
            raise ValueError(f"prices names the model {model!r}, which {name} does not have{near(str(model), list(models))}")
    if missing := [model for model in models if model not in prices]:
        raise ValueError(f"prices lacks the model {missing[0]!r}; expected a price of every model in {name}")
    cost = np.empty(answer_tokens.shape)
    for k, model in enumerate(models):
        per_call, of_prompt, of_answer = _price(model, prices[model])
        cost[:, k] = per_call + (of_prompt * prompt_tokens + of_answer * answer_tokens[:, k]) / 1e6
    return cost


def _price(model: str, price: Any) -> tuple[float, float, float]:
    """Dollars per call, and per million tokens of prompt and answer."""
    parts = [price, 0.0, 0.0] if is_number(price) else [0.0, *price] if isinstance(price, Sequence | np.ndarray) else []
    numbers = [float(part) if is_number(part) else np.nan for part in parts]
    if len(numbers) != 3 or not all(np.isfinite(numbers)) or min(numbers) < 0:
        raise ValueError(
            f"prices[{model!r}] is {price!r}; expected dollars per call >= 0, or dollars per million tokens (prompt, answer)"
        )
    return numbers[0], numbers[1], numbers[2]


def _only(log: RoutingLog, models: Sequence[str]) -> RoutingLog:
    """The log of some of its models, in the order of `models`."""
    if not isinstance(models, str | Sequence):
        raise ValueError(f"models is {models!r}; expected names of models")
    names = list(models) if not isinstance(models, str) else [name.strip() for name in models.split(",")]
    for name in names:
        if name not in log.models:
            raise ValueError(f"models names {name!r}, which {log.source} does not have{near(str(name), list(log.models))}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"models is {models!r}; expected at least one model, and each once")
    chosen = [log.models.index(name) for name in names]
    columns = {"outcome": log.outcome[:, chosen], "cost": log.cost[:, chosen]}
    return replace(log, models=tuple(names), **columns, known=None)  # type: ignore[arg-type]  # measured anew


def _check(log: RoutingLog) -> None:
    """Refuse arrays that do not fit together; see `RoutingLog`."""
    n, m = len(log.task), len(log.models)
    for name, shape in (("outcome", (n, m)), ("cost", (n, m)), ("prompt_chars", (n,)), ("domain", (n,)), ("train", (n,))):
        if getattr(log, name).shape != shape:
            raise ValueError(f"{log.source}: {name} has shape {getattr(log, name).shape}; expected {shape}")
    onward = np.diff(log.task, prepend=log.task[:1])
    right = {  # comparisons are false for NaN
        "outcome": ((log.outcome >= 0.0) & (log.outcome <= 1.0), "numbers in [0, 1]"),
        "cost": ((log.cost >= 0.0) & np.isfinite(log.cost), "numbers >= 0"),
        "prompt_chars": ((log.prompt_chars >= 0.0) & np.isfinite(log.prompt_chars), "numbers >= 0"),
        "domain": ((log.domain >= 0) & (log.domain < len(log.domains)), f"integers in 0..{len(log.domains) - 1}"),
        "task": ((onward >= 0) & (onward <= 1) & (log.task[:1] == 0), "0, 0, 1, 2, ..., beginning with 0"),
    }
    for name, (values, expected) in right.items():
        if not values.all():
            row = int(np.argmin(values.reshape(n, -1).all(axis=1)))
            raise ValueError(f"{log.source}: {name} of row {row} is {getattr(log, name)[row]}; expected {expected}")


def _without_rounding(amounts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Amounts to twelve digits, so that a line through logged costs meets them: a call at 1 dollar is quoted at 1."""
    digits = np.floor(np.log10(np.where(amounts > 0.0, amounts, 1.0)))
    unit = 10.0 ** (11 - digits)
    return np.round(amounts * unit) / unit


def _measure(log: RoutingLog) -> Known:
    """See `Known`."""
    chars = log.prompt_chars - log.prompt_chars.mean()
    spread = float(chars @ chars)
    slope = np.maximum(chars @ log.cost / spread, 0.0) if spread > 0 else np.zeros(len(log.models))
    base = log.cost.mean(axis=0) - slope * log.prompt_chars.mean()
    excess = (log.cost - base - slope * log.prompt_chars[:, None]).max(axis=0)
    length = np.log1p(log.prompt_chars)
    quality, mean_cost = log.each_alone()
    most_expensive = int(np.argmax(np.where(mean_cost >= mean_cost.max() * (1.0 - 1e-9), quality, -1.0)))
    return Known(
        cost_line=np.column_stack([base, slope, excess]),
        length_mean=float(length.mean()),
        length_sd=float(length.std()) or 1.0,
        steps=int(np.bincount(log.task).max()),
        most_expensive=most_expensive,
        highest_cost=float(mean_cost[most_expensive]),
        highest_expected=float((base + slope * log.prompt_chars[:, None]).max()),
    )
