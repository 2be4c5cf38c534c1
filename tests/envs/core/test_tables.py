"""Files that users bring: nothing in them is guessed, and what is wrong is named with its line."""

import gzip
import math

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.core.checks import amount
from budgetgym.envs.core.tables import LINE, decimals, numbers_of, read_csv, read_json, require_columns, texts_of


def written(folder, text: str, encoding: str = "utf-8"):
    path = folder / "file"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("packed", [False, True])
def test_rows_are_read_as_text_with_their_lines(tmp_path, ends, encoding, packed):
    path = written(tmp_path, ends.join(["id,price", "007,1", "", '"a,""b",2', "NA,", '"x', 'y",3']), encoding)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    table = read_csv(path, "the file")
    assert table["id"].tolist() == ["007", 'a,"b', "NA", f"x{ends}y"]
    assert table["price"].tolist() == ["1", "2", "", "3"]
    assert table.index.tolist() == [2, 4, 5, 7]
    assert table.index.name == LINE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b\n1,2\n3,4,\n", "the file, line 3: '3,4,' has 3 fields, the header has 2"),
        ("a,b\n1,2,\n3,4,\n", "line 2: '1,2,' has 3 fields"),
        ("a,b\n1\n", "line 2: '1' has 1 fields"),
        ("a,b,a\n1,2,3\n", "line 1: two columns are named 'a'"),
        ('a,b\n1,2\n"3,4\n5,6\n', "after line 2: unexpected end of data"),
        ('a,b\n1,2\n"3"x,4\n', "after line 2: "),
    ],
)
def test_files_that_are_no_table(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_csv(written(tmp_path, text), "the file")


def test_other_encodings_are_refused(tmp_path):
    for text, encoding in (("a\n\xe4\n", "latin-1"), ("a\n1\n", "utf-16")):
        with pytest.raises(ValueError, match=r"the file, after line 1: is not UTF-8"):
            read_csv(written(tmp_path, text, encoding), "the file")


def test_fields_may_be_long(tmp_path):
    assert len(read_csv(written(tmp_path, f"prompt\n{'x' * 200_000}\n"), "the file")["prompt"].item()) == 200_000


PLAIN = {"1": 1, "+1": 1, "-0.5": -0.5, ".5": 0.5, "5.": 5, "1e3": 1000, "1E-2": 0.01, "007": 7}
NOT_PLAIN = ["", " 1", "1 ", "1\n", "0xFF", "1_000", "nan", "inf", "-Infinity", "1,5", "1e", ".", "\u0663", "True", "1e999"]


@pytest.mark.parametrize("wrong", [*NOT_PLAIN, None, math.nan, math.inf, 1j, pd.NA, np.datetime64(1, "s"), [1]])
def test_numbers_are_plain_decimals(wrong):
    for values in ([*PLAIN, wrong], [*PLAIN, wrong, 2]):  # text alone, and among numbers
        table = pd.DataFrame({"x": pd.Series(values, dtype=object)})
        with pytest.raises(ValueError, match=rf"the table, row {len(PLAIN)} \(0-based\): x is .*; expected a number"):
            numbers_of(table, "x", "the table")
    assert numbers_of(pd.DataFrame({"x": list(PLAIN)}), "x", "the table").tolist() == list(PLAIN.values())


def test_arrays_of_text_are_plain_decimals():
    assert not np.isfinite(decimals([NOT_PLAIN])).any()
    assert decimals([list(PLAIN), list(PLAIN)]).tolist() == [list(PLAIN.values())] * 2


def test_ranges_and_kinds_of_numbers():
    table = pd.DataFrame({"x": [1, 2, 3], "y": ["True", "false", "1"]})
    for settings in ({"high": 2.5}, {"low": 1.5}, {"high": 2.5, "whole": True}):
        with pytest.raises(ValueError, match=r"x is [13]; expected"):
            numbers_of(table, "x", "the table", **settings)
    with pytest.raises(ValueError, match=r"x is 1\.5"):
        numbers_of(table.assign(x=[1, 1.5, 2]), "x", "the table", whole=True)
    assert numbers_of(table, "y", "the table", booleans=True).tolist() == [1, 0, 1]


def test_amounts_are_decimals_fractions_or_inf():
    assert [amount(text) for text in ("1/32", "2.5/5", "1e3", "inf")] == [1 / 32, 0.5, 1000, math.inf]
    for wrong in ("1/0", "1_0/3", "1e9/3", "-inf", "1/2/3", *(set(NOT_PLAIN) - {"inf"})):
        with pytest.raises(ValueError, match="is not a number"):
            amount(wrong)


def test_what_is_missing_is_never_called_nan():
    table = pd.DataFrame({"id": ["nan", None, math.nan, "", 7, 7.0]})
    assert texts_of(table, "id", "the table", needed=False).tolist() == ["nan", "", "", "", "7", "7.0"]
    with pytest.raises(ValueError, match=r"the table, row 1 \(0-based\): id is missing"):
        texts_of(table, "id", "the table")
    with pytest.raises(ValueError, match="two columns named 'id'"):
        require_columns(pd.concat([table, table], axis=1), ["id"], "the table")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b" 2}', "the file: is not JSON: .*line 2 column 6"),
        ('{"a": 1, "a": 2}', r"the file: \['a'\] stand there twice"),
        ('{"a": NaN}', "the file: holds NaN; expected finite numbers"),
        ('{"a": -Infinity}', "holds -Infinity"),
        ('{"a": 1e999}', "holds 1e999"),
    ],
)
def test_json_that_cannot_be_meant(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_json(written(tmp_path, text), "the file")
    assert read_json(written(tmp_path, '{"a": 1.5}', "utf-8-sig"), "the file") == {"a": 1.5}
