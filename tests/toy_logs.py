"""Routing logs small enough for tests, with queries whose outcomes depend on what a router can see."""

import numpy as np
import pandas as pd


def toy_frame(n=60, steps=1, seed=0, models=("small", "medium", "large"), fractional=False):
    """`n` tasks of up to `steps` steps: long prompts are hard, more so for small models; domain "law" is hard for "medium"."""
    generator = np.random.default_rng(seed)
    rows = []
    for query in range(n):
        for step in range(generator.integers(1, steps + 1)):
            chars = int(generator.lognormal(5.0, 0.8)) + 1
            domain = str(generator.choice(["law", "maths"]))
            row = {"query": f"q{query}", "step": step, "domain": domain, "prompt_chars": chars}
            for k, model in enumerate(models):
                p = np.clip(0.3 + 0.3 * k - 0.15 * (np.log(chars) - 5.0) - 0.3 * (domain == "law" and k == 1), 0.02, 0.98)
                row[f"outcome:{model}"] = generator.beta(4 * p, 4 - 4 * p) if fractional else float(generator.random() < p)
                row[f"cost:{model}"] = 4.0**k * (1e-6 * chars + 1e-4 * generator.random())
            rows.append(row)
    return pd.DataFrame(rows)


def long_of(frame):
    """The same with a row per model."""
    models = [column.removeprefix("outcome:") for column in frame if column.startswith("outcome:")]
    own = [column for column in frame if ":" not in column]
    parts = [
        frame[own].assign(model=model, outcome=frame[f"outcome:{model}"], cost=frame[f"cost:{model}"]) for model in models
    ]
    return pd.concat(parts, ignore_index=True)
