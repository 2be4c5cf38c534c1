import gzip
import os

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.bidding.logs import BidLog, load_log
from hypothesis import given
from hypothesis import strategies as st

rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 300), st.floats(0, 1, allow_subnormal=False)), min_size=1, max_size=30
)


def write(folder, text: str, name: str = "log.txt"):
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def assert_holds(log: BidLog, table) -> None:
    np.testing.assert_array_equal(np.column_stack([log.click, log.price, log.theta]), np.array(table, dtype=float))
    assert (log.click.dtype, log.price.dtype, log.theta.dtype) == (np.int8, np.int16, np.float64)


@given(table=rows, blank=st.sampled_from([" ", "\t", "  ", " \t "]), packed=st.booleans(), extra=st.sampled_from(["", "x"]))
def test_a_written_log_is_read_back_exactly(tmp_path_factory, table, blank, packed, extra):
    text = "".join(blank.join(filter(None, [str(c), str(p), repr(t), extra])) + "\n" for c, p, t in table)
    path = tmp_path_factory.mktemp("logs") / ("log.gz" if packed else "log.txt")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    log = load_log(path)
    assert_holds(log, table)
    assert len(log) == len(table)
    assert log.source == str(path)


@pytest.mark.parametrize(
    "text",
    [
        "0 5 0.1\r\n1 6 0.2\r\n",
        "0 5 0.1\n\n1 6 0.2",
        "\n0 5 0.1\n1 6 0.2\n \n",
        "\ufeff0 5 0.1\n1 6 0.2\n",
        " 0 5 0.1\n1\t6 0.2\n",
        "0\t5\t1e-1\t3\n1\t6\t.2\tno number\n",
        "0 5 0.1 \n1 6 0.2 \n",
    ],
)
def test_layouts_found_in_the_wild_are_read(tmp_path, text):
    assert_holds(load_log(write(tmp_path, text)), [(0, 5, 0.1), (1, 6, 0.2)])


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("2 5 0.1", "has click '2'"),
        ("1.0 5 0.1", "has click '1.0'"),
        ("0 301 0.1", "has price '301'"),
        ("0 -1 0.1", "has price '-1'"),
        ("0 5.5 0.1", "has price '5.5'"),
        ("0 99999999999 0.1", "has price '99999999999'"),
        ("0 5 1.1", "has theta '1.1'"),
        ("0 5 -0.1", "has theta '-0.1'"),
        ("0 0xFF 0.1", "has price '0xFF'"),
        ("0x1 5 0.1", "has click '0x1'"),
        ("0 1_0 0.1", "has price '1_0'"),
        ("0 5 0x1p-3", "has theta '0x1p-3'"),
        ("0 5 nan", "has theta 'nan'"),
        ("0 5 inf", "has theta 'inf'"),
        ("0 5 0_1", "has theta '0_1'"),
        ("0 5", "has 2 columns, fewer than 3"),
        ("click price theta", "has click 'click'"),
        ("0,5,0.1", "has 1 columns, fewer than 3"),
    ],
)
@pytest.mark.parametrize("before", ["", "0 5 0.1\n\n1 6 0.2\n"], ids=["first", "later"])
def test_a_malformed_row_is_shown_with_its_line_number(tmp_path, bad, what, before):
    path = write(tmp_path, f"{before}{bad}\n0 7 0.3\n")
    number = before.count("\n") + 1
    with pytest.raises(ValueError) as error:
        load_log(path)
    message = str(error.value)
    assert message.startswith(f"{path}, line {number}: {bad!r} {what}; expected `click price theta`: click 0 or 1")


@pytest.mark.parametrize("blank", [" ", "  "], ids=["fast", "slow"])
def test_a_row_with_more_columns_than_the_first_is_refused(tmp_path, blank):
    path = write(tmp_path, f"0{blank}5 0.1\n1 6 0.2 7\n")
    with pytest.raises(ValueError, match=r"line 2: '1 6 0\.2 7' has 4 columns, the first row has 3; expected"):
        load_log(path)


RAW = "0\t2\t{hour}\t446f3f551cb\t20131022135101295\t1\t" + "\t".join(["x"] * 21)


@pytest.mark.parametrize("line", [RAW.format(hour=0), RAW.format(hour=13), "click\tweekday\thour\tbidid\ttimestamp"])
def test_raw_lines_of_ipinyou_are_recognised_whatever_the_hour(tmp_path, line):
    with pytest.raises(ValueError, match=r"log\.txt, line 2: .* looks like a line of iPinYou's raw log, .* column 24"):
        load_log(write(tmp_path, f"\n{line}\n{line}\n"))


def test_an_empty_file_is_refused(tmp_path):
    for text in ("", "\n\n"):
        with pytest.raises(ValueError, match="holds no auctions; expected at least one row"):
            load_log(write(tmp_path, text))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the auction log .*nowhere\.txt does not exist"):
        load_log(tmp_path / "nowhere.txt")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        load_log(str(tmp_path))


def test_a_truncated_gzip_file_is_named(tmp_path):
    path = tmp_path / "log.gz"
    packed = gzip.compress(b"".join(b"0 %d 0.1\n" % (i % 301) for i in range(5000)))
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(OSError, match=r"the auction log .*log\.gz cannot be read to its end"):
        load_log(path)


def test_a_log_is_cached_until_its_file_changes(tmp_path):
    path = write(tmp_path, "0 5 0.1\n")
    log = load_log(path)
    assert load_log(os.fspath(path)) is log
    write(tmp_path, "0 5 0.1\n1 6 0.2\n")
    assert len(load_log(path)) == 2


def test_tables_are_copied_and_frozen():
    table = np.array([[0, 5, 0.1], [1, 300, 1.0]])
    frame = pd.DataFrame({"theta": table[:, 2], "price": [5, 300], "other": "x", "click": [False, True]})
    for source in (table, frame):
        log = load_log(source)
        assert_holds(log, [(0, 5, 0.1), (1, 300, 1.0)])
        assert not log.theta.flags.writeable
    table[0, 2] = 0.9
    assert load_log(frame).theta[0] == 0.1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.zeros((0, 3)), "array: holds no auctions"),
        (np.zeros((2, 4)), r"shape \(2, 4\); expected \(n, 3\)"),
        (np.array([[0, 5, 0.1], [0, 5.5, 0.1]]), r"array: row 1 \(0-based\) holds click 0.0, price 5.5, theta 0.1"),
        (np.array([[0, np.nan, 0.1]]), "price nan"),
        (np.array([[0, "x", 0.1]]), "the table holds .*'x'.*; expected numbers"),
        (np.array([["0", "1_0", "0.1"]]), "the table holds .*'1_0'"),
        (pd.DataFrame({"click": ["0"], "price": ["0xFF"], "theta": ["0.5"]}), "price holds '0xFF'"),
        (pd.DataFrame({"click": [0], "price": [5]}), r"lacks the columns \['theta'\]"),
        (pd.DataFrame({"click": [0], "price": [400], "theta": [0.5]}), r"data frame: row 0 .* price 400"),
    ],
)
def test_wrong_tables_are_explained(table, message):
    with pytest.raises(ValueError, match=message):
        load_log(table)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"mine: the columns have shapes .*'price': \(2,\)"):
        BidLog(np.zeros(1, np.int8), np.zeros(2, np.int16), np.zeros(1), source="mine")


@pytest.mark.parametrize(
    ("name", "auctions", "clicks", "cost", "mean_theta"),
    [
        ("2997/rlb-dp.test.theta.txt", 156_063, 530, 8_617_148, 0.0039273),
        ("1458/rtbcontrol.test.txt", 100_000, 65, 6_849_953, 0.00057669),
    ],
)
def test_the_real_logs_have_their_known_totals(shared_data, name, auctions, clicks, cost, mean_theta):
    log = load_log(shared_data / "ipinyou" / name)
    assert (len(log), int(log.click.sum()), int(log.price.sum(dtype=np.int64))) == (auctions, clicks, cost)
    assert log.theta.mean() == pytest.approx(mean_theta, rel=1e-5)
