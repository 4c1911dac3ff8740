"""The text of a table is checked for what readers would misread silently."""

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading.encoding import BLOCK, MAX_ROW_BYTES
from reproducible_ml.reading.scan import scan

FIX = 'Close the quote, or double a quote that belongs to the text ("").'
HEADER = "id,name,x\n"
ROWS = "".join(f"{i},name {i},{2 * i}\n" for i in range(1, 201))


def findings_of(
    folder: Path, content: str | bytes, name: str = "people.csv", **dialect: object
) -> list[Finding]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return scan(path, CsvDialect.model_validate(dialect))


def problems(
    folder: Path, content: str | bytes, name: str = "people.csv", **dialect: object
) -> list[str]:
    found = findings_of(folder, content, name, **dialect)
    return [str(finding).removeprefix(str(folder / name)) for finding in found]


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROWS,
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).replace("\n", "\r"),
        HEADER + ROWS.replace("\n", "\r\n", 7).replace("\n", "\r", 3),
        HEADER + ROWS.removesuffix("\n"),
        HEADER,
        HEADER.removesuffix("\n"),
        "\n\n" + HEADER + "\n\n" + ROWS + "\n\n",
        "text\n" + "word\n" * 9,
        'id,name,x\n1,"Main Street 4\nSpringfield, IL\nUSA",2\n',
        'id,name,x\n1,"<<<<<<< ours\n=======\n>>>>>>> theirs",2\n',
        "id,name,x\n1,<<<<<<< ours,2\n2,>>>>>>>,3\n3,=======,4\n",
        "title\n=======\nText\n",
        'id,name,x\n1,5" pipe,2\n',
        "id,name,x\n1,Zoë 😀 日本,2\n2,\u00e4\u2028\u0085b,3\n",
        "id,name,x\n1,,\n,,\n",
        '"id","name","x"\n"1","a ""b""","c\n\nd"\n',
    ],
)
def test_sound_table_has_no_finding(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


LEGAL = st.text(alphabet="ab,;\t \"'\n\r.é", max_size=12)


@given(
    rows=st.lists(st.lists(LEGAL, min_size=4, max_size=4), min_size=1, max_size=20),
    delimiter=st.sampled_from(",;\t|"),
    everything=st.booleans(),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_is_written_by_the_book_has_no_finding(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    everything: bool,
    ends: str,
) -> None:
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        quoting=csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL,
        lineterminator=ends,
    )
    writer.writerows([["i", "j", "k", "l"], *rows])
    folder = tmp_path_factory.mktemp("legal")
    assert problems(folder, text.getvalue(), delimiter=delimiter) == []


def test_single_inch_sign_in_a_large_file_has_no_finding(tmp_path: Path) -> None:
    rows = ROWS * (4 * BLOCK // len(ROWS))
    assert problems(tmp_path, HEADER + '0,5" pipe,0\n' + rows) == []


def test_nul_bytes_are_reported_with_their_lines(tmp_path: Path) -> None:
    lines = problems(tmp_path, "id,x\n1,2\n2,a\0b\n3,4\n\0\0\0\n")
    assert lines[0] == (
        r" line 3: '2,a\x00b' contains a NUL byte."
        " Fix: Export it again: such bytes come from a crash or another encoding."
    )
    assert lines[1].startswith(r" line 5: '\x00\x00\x00' contains a NUL byte.")


def test_merge_conflict_is_reported_with_its_lines(tmp_path: Path) -> None:
    text = HEADER + "<<<<<<< HEAD\n1,a,2\n=======\n1,b,2\n>>>>>>> branch\n"
    fix = "Take one side of the conflict, or export the table again."
    assert problems(tmp_path, text) == [
        f' line 2: "<<<<<<< HEAD" is the marker of a merge conflict. Fix: {fix}',
        f' line 4: "=======" is the marker of a merge conflict. Fix: {fix}',
        f' line 6: ">>>>>>> branch" is the marker of a merge conflict. Fix: {fix}',
    ]


def test_conflict_is_found_in_a_later_block_of_lines_with_carriage_returns(
    tmp_path: Path,
) -> None:
    row = '1,"some\r\ntext",2\r\n'
    number = 2 * BLOCK // len(row)
    text = "id,name,x\r\n" + number * row + "<<<<<<< HEAD\r\n" + row
    (line,) = problems(tmp_path, text)
    assert line.startswith(f' line {2 * number + 2}: "<<<<<<< HEAD" is the marker')


def test_open_quote_in_the_header_is_reported(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, 'id,"name,x\n' + ROWS)
    assert line.startswith(' line 1: "name,x" opens a quote that is not closed')


@pytest.mark.integration
def test_open_quote_in_a_large_file_is_reported_without_reading_on(
    tmp_path: Path,
) -> None:
    rows = ROWS * ((MAX_ROW_BYTES + 4 * BLOCK) // len(ROWS))
    (line,) = problems(tmp_path, HEADER + '0,"name,0\n' + rows)
    assert line.startswith(' line 2: "name,0" opens a quote that is not closed')


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("201,name 2", '"201,name 2" is the end and has 2 of 3 values'),
        ("2", '"2" is the end and has 1 of 3 values'),
        ('201,"a, b"', "has 2 of 3 values: the file is truncated"),
        ('201,"na', '"na" is the last value and has no closing quote'),
    ],
)
def test_file_that_stops_within_a_row_is_truncated(
    tmp_path: Path, end: str, words: str
) -> None:
    (line,) = problems(tmp_path, HEADER + ROWS + end)
    assert line.startswith(" line 202: ")
    assert words in line
    assert line.endswith("Copy or export it again.")


@pytest.mark.parametrize("end", [" ", "\t", "201,name 201,402"])
def test_end_without_line_end_is_no_cut(tmp_path: Path, end: str) -> None:
    assert problems(tmp_path, HEADER + ROWS + end) == []


def test_longest_row_is_taken(tmp_path: Path) -> None:
    assert problems(tmp_path, f"{HEADER}1,{'x' * (MAX_ROW_BYTES - 6)},2\n" + ROWS) == []


@pytest.mark.parametrize(
    ("quote", "before", "after"), [("", "", ""), ('"', "", ROWS), ('"', ROWS, "")]
)
def test_longer_row_is_reported(
    tmp_path: Path, quote: str, before: str, after: str
) -> None:
    long = quote + "x" * MAX_ROW_BYTES + quote
    (line,) = problems(tmp_path, f"{HEADER}{before}1,{long},2\n" + after)
    number = 2 + before.count("\n")
    assert line.startswith(f' line {number}: "1,{quote}xxx')
    assert "begins a row of more than 16 MiB. Fix: Look for lost line ends" in line


# Whether it ever ends is not looked for.
@pytest.mark.integration
@pytest.mark.parametrize("end", ['",2\n', ""])
def test_quote_that_is_open_too_long_is_reported(tmp_path: Path, end: str) -> None:
    (line,) = problems(tmp_path, f'{HEADER}1,"{"x" * 3 * MAX_ROW_BYTES}{end}')
    assert line.startswith(' line 2: "xxx')
    assert (
        "opens a quote that is not closed within 16 MiB. Fix: Close the quote" in line
    )


@pytest.mark.parametrize("size", [10, 1000])
@pytest.mark.parametrize("name", ["people.csv.gz", "people.csv.zst"])
def test_compressed_file_that_is_truncated_is_reported(
    tmp_path: Path, name: str, size: int
) -> None:
    text = (HEADER + ROWS * 99).encode()
    packed = gzip.compress(text)
    if name.endswith("zst"):
        packed = bytes(pa.Codec("zstd").compress(text, asbytes=True))
    assert problems(tmp_path, packed, name) == []
    (line,) = problems(tmp_path, packed[:-size], name)
    assert line == (
        ": cannot be decompressed, because it is damaged or truncated."
        " Fix: Copy or export it again."
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_other_encoding_is_taken_as_named_and_told_if_it_is_not(
    tmp_path: Path, encoding: str
) -> None:
    content = (HEADER + "0,Müller,0\n" + ROWS).encode(encoding)
    assert problems(tmp_path, content, encoding=encoding) == []
    (line,) = problems(tmp_path, content)
    assert f"Fix: Set `encoding: {encoding}` in metadata of data/schema.yaml" in line


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_utf8_that_is_said_to_be_older_is_reported(
    tmp_path: Path, encoding: str
) -> None:
    assert problems(tmp_path, HEADER + ROWS, encoding=encoding) == []
    (line,) = problems(tmp_path, HEADER + "0,Müller,0\n" + ROWS, encoding=encoding)
    assert line.startswith(": is utf-8, not ")
    assert "Fix: Set `encoding: utf-8` in metadata" in line


def test_findings_have_the_lines_of_a_file_in_another_encoding(tmp_path: Path) -> None:
    text = 'Größe\nid,name,x\n1,"two\nlines",2\n' + "2,\0,3\n"
    (line,) = problems(tmp_path, text.encode("cp1252"), encoding="cp1252", preamble=1)
    assert line.startswith(" line 5: ")


def test_mixed_encodings_are_reported(tmp_path: Path) -> None:
    content = (HEADER + "0,Müller,0\n").encode() + "1,Köln,0\n".encode("cp1252")
    (line,) = problems(tmp_path, content)
    assert line.startswith(r' line 3: "K\xf6ln" is not UTF-8, but line 2 is ("Müller")')


def test_no_more_than_a_hundred_findings_and_one_that_there_are_more(
    tmp_path: Path,
) -> None:
    *hundred, more = problems(tmp_path, HEADER + "1,\0,2\n" * 300)
    assert len(hundred) == 100
    assert more == (
        " line 102: is the first of more problems than the 100 that are listed."
        " Fix: Correct those first."
    )


def people(**changed: str) -> str:
    """200 rows of 3 values; `row_7` replaces the text of row 7."""
    rows = [changed.get(f"row_{i}", f"{i},name {i},{2 * i}") for i in range(1, 201)]
    return "id,name,x\n" + "\n".join(rows) + "\n"


def test_quote_that_is_never_closed_is_reported_where_it_opens(tmp_path: Path) -> None:
    (finding,) = findings_of(tmp_path, people(row_11='11,"name 11,22'))
    assert str(finding) == (
        f'{tmp_path / "people.csv"} line 12: "name 11,22" opens a quote that is not'
        f" closed, and swallows the next 189 lines. Fix: {FIX}"
    )


@pytest.mark.parametrize(
    ("last", "lines"),
    [
        ('150,"name, 150",300', 139),
        ('"150","name, 150","300"', 139),
        ('150,name 150",300', 139),
        ('13,"",26', 0),
    ],
)
def test_quote_that_another_one_closes_is_reported_where_it_opens(
    tmp_path: Path, last: str, lines: int
) -> None:
    row = "row_" + last.strip('"').split(",")[0].strip('"')
    changed = {"row_11": '11,"name 11,22', row: last}
    finding = findings_of(tmp_path, people(**changed))[0]
    assert (finding.line, finding.value) == (12, "name 11,22")
    assert finding.problem.startswith("opens a quote that is not closed")
    assert f"swallows the next {lines or 189} lines" in finding.problem


def test_line_is_right_below_values_with_line_ends(tmp_path: Path) -> None:
    text = people(row_3='3,"two\nlines",6', row_11='11,"name 11,22')
    (finding,) = findings_of(tmp_path, text)
    assert finding.line == 13


def test_swallowed_text_is_found_by_its_width(tmp_path: Path) -> None:
    rows = 'a,"b,c\nd,e,f\ng,h,i\nj,k",l\n'
    (finding,) = findings_of(tmp_path, "x,y,z\n" + rows)
    assert (finding.line, finding.value) == (2, "b,c")
    assert "swallows the next 3 lines" in finding.problem


@pytest.mark.parametrize(
    "row",
    [
        '1,"Main Street 4, left\nSpringfield, IL, USA\nUSA, home",2',
        '1,"a\nb\nc",2',
        '1,"\n\n\n",2',
        '1,"7,8\n9,10",2',
        '1,"a ""quoted, word"" here\nand, there\nand, there",2',
        '"a,b\nc,d\ne",f,2',
        '1,5" pipe,2',
        '1,"5"" pipe",2',
        "1,5' 7\",2",
        '1,say "hi",2',
        '1,"a" ,2',
        '1,"",""',
        '1,"""",2',
    ],
)
def test_what_is_legal_has_no_finding(tmp_path: Path, row: str) -> None:
    assert findings_of(tmp_path, people(row_7=row)) == []


def test_quotes_within_quotes_must_be_doubled(tmp_path: Path) -> None:
    (finding,) = findings_of(tmp_path, people(row_5='5,"a "big" dog",10'))
    problem = "has quotes within quotes that are not doubled"
    assert (finding.line, finding.problem) == (6, problem)
    assert finding.value == '"a "big" dog",10'
    assert finding.fix == FIX


def test_space_before_a_quote_is_reported(tmp_path: Path) -> None:
    (finding,) = findings_of(tmp_path, people(row_5='5, "Doe, John",10'))
    assert finding.line == 6
    assert "has a space before its quote, which makes the quote part" in finding.problem
    assert finding.fix == "Remove the space."
