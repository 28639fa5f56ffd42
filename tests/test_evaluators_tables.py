"""Tables as text, Markdown, LaTeX and CSV: rounding, the best of a column, and contents that mean harm."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.tables import HIGH, LOW, Cell, Number, Style, Table, to_csv, to_latex, to_markdown, to_text

quick = settings(max_examples=50)

TABLE = Table(
    ("system", "J", "FDR", "n"),
    (("ours", 0.78125, 0.25, 3), ("theirs", 0.7, math.nan, None)),
    "avs",
    ("a note",),
    {"J": Style(better=HIGH), "FDR": Style(better=LOW)},
)


def test_text() -> None:
    assert to_text(TABLE) == (
        "avs\n"
        "\n"
        "system      J    FDR  n\n"
        "------  -----  -----  -\n"
        "ours    78.12  25.00  3\n"
        "theirs  70.00      -\n"
        "\n"
        "In percent: J, FDR.\n"
        "a note\n"
    )  # fmt: skip


def test_markdown() -> None:
    table = Table(TABLE.columns, (*TABLE.rows, ("third", 0.5, 0.5, 7)), "avs", ("a note",), TABLE.styles)
    assert to_markdown(table, digits=1) == (
        "**avs**\n"
        "\n"
        "| system |        J |      FDR |   n |\n"
        "| ------ | -------: | -------: | --: |\n"
        "| ours   | **78.1** | **25.0** |   3 |\n"
        "| theirs |     70.0 |        - |     |\n"
        "| third  |     50.0 |     50.0 |   7 |\n"
        "\n"
        "- In percent: J, FDR.\n"
        "- a note\n"
    )
    assert "**78.1**" not in to_markdown(table, digits=1, bold=False)


def test_latex() -> None:
    assert to_latex(TABLE) == (
        "% avs\n"
        "\\begin{tabular}{lrrr}\n"
        "\\toprule\n"
        "system & J & FDR & n \\\\\n"
        "\\midrule\n"
        "ours & \\textbf{78.12} & 25.00 & 3 \\\\\n"
        "theirs & 70.00 & - &  \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "% In percent: J, FDR.\n"
        "% a note\n"
    )
    assert "textbf" not in to_latex(TABLE, bold=False)


def test_csv_has_the_numbers_as_they_are() -> None:
    assert to_csv(TABLE) == '"system","J","FDR","n"\n"ours",0.78125,0.25,3\n"theirs",0.7,nan,\n'
    third = Table(("x",), ((1 / 3,), (5e-324,), (-0.0,)))
    assert to_csv(third).splitlines()[1:] == ["0.3333333333333333", "5e-324", "-0.0"]


def test_digits_and_percent_are_the_callers_unless_the_column_says_otherwise() -> None:
    table = Table(("J", "p"), ((0.5, 0.03125),), styles={"p": Style(percent=False, digits=4)})
    assert to_text(table, digits=1).splitlines()[2] == "50.0  0.0312"
    assert to_text(table, digits=3, percent=False).splitlines()[2] == "0.500  0.0312"
    assert "In percent: J." in to_text(table) and "In percent" not in to_text(table, percent=False)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (math.nan, "-"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (1.0, "100.00"),
        (-1e-9, "0.00"),
        (None, ""),
        (12, "12"),
        (Number(0.5, 0.4, 0.6), "50.00 (40.00 to 60.00)"),
        (Number(0.5, deviation=0.01), "50.00 ± 1.00"),
        (Number(0.5, 0.4, 0.6, 0.01), "50.00 ± 1.00 (40.00 to 60.00)"),
        (Number(0.787, digits=1), "78.7"),
        (Number(math.nan), "-"),
    ],
)
def test_cells(cell: Cell, text: str) -> None:
    assert to_text(Table(("x",), ((cell,),))).splitlines()[2].strip() == text


def test_digits_of_a_paper_are_kept_as_shares_too() -> None:
    """.787 has three decimals, 78.7 % one."""
    table = Table(("x",), ((Number(0.787, digits=1),),))
    assert to_text(table, percent=False).splitlines()[2] == "0.787"


def test_signs_where_a_difference_is_printed() -> None:
    table = Table(("d",), ((Number(0.01, -0.02, 0.04),), (-0.01,), (1e-9,), (-1e-9,)), styles={"d": Style(signed=True)})
    assert [line.strip() for line in to_text(table).splitlines()[2:6]] == [
        "+1.00 (-2.00 to +4.00)", "-1.00", "0.00", "0.00",
    ]  # fmt: skip


def bold(rows: list[Cell], better: str, digits: int = 2) -> list[bool]:
    table = Table(("x",), tuple((cell,) for cell in rows), styles={"x": Style(better=better)})
    lines = to_latex(table, digits=digits).splitlines()
    return ["textbf" in line for line in lines[lines.index("\\midrule") + 1 : lines.index("\\bottomrule")]]


def test_the_best_is_bold_and_all_that_print_the_same() -> None:
    assert bold([0.5, 0.7, 0.6], HIGH) == [False, True, False]
    assert bold([0.5, 0.7, 0.6], LOW) == [True, False, False]
    assert bold([0.5, 0.7, 0.6], "") == [False] * 3
    assert bold([0.70001, 0.70004, 0.6], HIGH) == [True, True, False]
    assert bold([0.70001, 0.70004, 0.6], HIGH, digits=3) == [False, True, False]
    assert bold([math.nan, None, 0.6, 0.5, "text"], HIGH) == [False, False, True, False, False]
    assert bold([0.5], HIGH) == [False] and bold([0.5, math.nan], HIGH) == [False] * 2  # nothing is compared
    assert bold([Number(0.9, ranked=False), Number(0.6, 0.5, 0.7), 0.5], HIGH) == [False, True, False]


def test_rows_of_another_length_are_told() -> None:
    with pytest.raises(ValueError, match=r"2 columns has rows of \[1\] cells"):
        Table(("a", "b"), (("x",),))


def test_empty_tables_print() -> None:
    for empty in (Table((), ()), Table(("a", "b"), ())):
        for form in (to_text, to_markdown, to_latex, to_csv):
            assert isinstance(form(empty), str)


def test_columns_stay_aligned_with_wide_and_combined_letters() -> None:
    lines = to_text(Table(("name", "n"), (("狗", 1), ("cafe\u0301", 2), ("dog", 3)))).splitlines()
    assert lines[2:5] == ["狗    1", "cafe\u0301  2", "dog   3"]


HARM = "\x1b[2J\n\r\t\0\u2028\u202e\ud800end"


def test_control_characters_stay_in_their_cell() -> None:
    table = Table((HARM, "n"), ((HARM, 1),), HARM, (HARM,))
    for form in (to_text, to_markdown, to_latex, to_csv):
        text = form(table)
        assert not set(HARM) - set("[2Jend") & set(text.replace("\n", ""))
        assert text.count("\n") == form(Table(("h", "n"), (("h", 1),), "h", ("h",))).count("\n")
        text.encode("utf-8")
    assert r"\x1b[2J\n\r\t\x00\u2028\u202e\ud800end" in to_text(table)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a|b", r"a\|b"),
        ("**bold**", r"\*\*bold\*\*"),
        ("my_model_v2", "my_model_v2"),
        ("_it_ __init__", r"\_it\_ \_\_init\_\_"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)>"),
        ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),
        ("`code` $x$ ~~no~~", r"\`code\` \$x\$ \~\~no\~\~"),
        ("back\\slash|", r"back\\slash\|"),
        ("J&F &lt; &#60;", "J&F &amp;lt; &amp;#60;"),
    ],
)
def test_markdown_is_escaped(name: str, text: str) -> None:
    assert to_markdown(Table(("x",), ((name,),))).splitlines()[2] == f"| {text} |"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_b & 100 % #1 $", r"a\_b \& 100 \% \#1 \$"),
        ("{x}^2~y\\z", r"\{x\}\textasciicircum{}2\textasciitilde{}y\textbackslash{}z"),
        ("<a|b>", r"\textless{}a\textbar{}b\textgreater{}"),
        ("\\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("[1cm]", "{}[1cm]"),
        ("*star", "{}*star"),
        ("±", r"$\pm$"),
    ],
)
def test_latex_is_escaped(name: str, text: str) -> None:
    assert to_latex(Table(("x",), ((name,),))).splitlines()[4] == rf"{text} \\"


def test_latex_has_a_minus_before_numbers_and_hyphens_in_names() -> None:
    table = Table(("name", "d"), (("a-1", Number(-0.5, -0.6, 0.1)),))
    assert to_latex(table).splitlines()[4] == r"a-1 & $-$50.00 ($-$60.00 to 10.00) \\"


def test_latex_comments_can_not_be_left() -> None:
    text = to_latex(Table(("x",), (("y",),), "title\n\\input{x}", ("note\r\\input{x}",)))
    assert [line[0] for line in text.splitlines() if "input" in line] == ["%", "%"]


@pytest.mark.parametrize("name", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", " =1", "＝1+1", "-x", "--"])
def test_formulas_are_defused(name: str) -> None:
    row = next(csv.reader(io.StringIO(to_csv(Table((name,), ((name,),))))))
    assert row[0].startswith(("'", "\\t"))  # a tab is written as \t, which starts no formula


@pytest.mark.parametrize("name", ["-1.5", "+3", "-inf", "1e-4", "-1e-05"])
def test_numbers_as_text_are_no_formulas(name: str) -> None:
    assert to_csv(Table(("x",), ((name,),))).splitlines()[1] == f'"{name}"'


def test_a_negative_number_stays_a_number() -> None:
    assert to_csv(Table(("x",), ((-1.5,), (-3,)))).splitlines()[1:] == ["-1.5", "-3"]


def test_ids_that_look_like_something_else_come_back() -> None:
    """Traps of CSV readers: 000030 is no 30, nan and None are names, quotes and commas belong to them."""
    names = ["000030", "nan", "None", "no", "1e-4", "", 'say "ah", dog', "a;b", "# c", "true", "2024-01-02"]
    text = to_csv(Table(("id", "J"), tuple((name, 0.5) for name in names)))
    assert [row[0] for row in csv.reader(io.StringIO(text))][1:] == names
    frame = pytest.importorskip("pandas").read_csv(io.StringIO(text), dtype={"id": str}, keep_default_na=False)
    assert frame["id"].tolist() == names and frame["J"].tolist() == [0.5] * len(names)


def test_intervals_and_deviations_get_columns_of_their_own() -> None:
    table = Table(("s", "J", "F"), (("a", Number(0.5, 0.4, 0.6), 0.1), ("b", Number(0.7, deviation=0.01), 0.2)))
    frame = pytest.importorskip("pandas").read_csv(io.StringIO(to_csv(table)))
    assert frame.columns.tolist() == ["s", "J", "J low", "J high", "J deviation", "F"]
    assert frame["J"].tolist() == [0.5, 0.7] and frame["J low"].isna().tolist() == [False, True]
    assert frame["J deviation"][1] == 0.01 and frame["F"].tolist() == [0.1, 0.2]


@quick
@given(st.lists(st.tuples(st.text(max_size=8), st.floats(allow_infinity=False)), max_size=5))
def test_any_names_and_numbers_survive_csv(rows: list[tuple[str, float]]) -> None:
    text = to_csv(Table(("name", "x"), tuple(rows)))
    back = list(csv.reader(io.StringIO(text)))[1:]
    assert len(back) == len(rows)
    for (_, number), (_, read) in zip(rows, back, strict=True):
        assert float(read) == number or number != number


@quick
@given(st.text(max_size=30))
def test_any_name_stays_in_one_cell_of_markdown(name: str) -> None:
    line = to_markdown(Table(("x", "y"), ((name, "end"),))).splitlines()[2]
    bars = [place for place, letter in enumerate(line) if letter == "|"]
    free = [place for place in bars if (len(line[:place]) - len(line[:place].rstrip("\\"))) % 2 == 0]
    assert len(free) == 3 and line.endswith("| end |")
