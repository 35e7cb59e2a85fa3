"""The check of plain English: what is read as prose, and what is found in it."""

from pathlib import Path

import pytest

from devtools.prose import RULES, check_lines, check_openings, list_prose, read_rules

ROOT = Path(__file__).resolve().parents[2]
HELD = read_rules(RULES.read_text(encoding="utf-8"))


def find(text: str, name: str, folder: Path) -> list[str]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return [finding.words for finding in check_lines(name, list_prose(path), HELD.rules)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It lags for good, then it is polled each 5 s.", ["for good", "each 5 s"]),
        ("Tell whether it is. The pods who wait.", ["Tell whether", "pods who"]),
        ("Whoever reads meets nobody.", ["Whoever", "nobody"]),
        ("3 are fresh, 5 are to be", [", 5 are to be"]),
        ("## How it is refused\nHow it is refused.", ["## How it is refused"]),
        ("`nobody` and [x](nobody.md) and\n```\nnobody\n```\n", []),
        ("Every 5 s a poll. Each replica is polled. People who read.", []),
        ("Stellar core on kubernetes", ["Stellar core", "kubernetes"]),
    ],
)
def test_words_that_trip_readers_are_found_in_pages(text: str, words: list[str], tmp_path: Path) -> None:
    assert sorted(find(text, "page.md", tmp_path)) == sorted(words)


def test_programs_are_read_by_their_strings_alone(tmp_path: Path) -> None:
    program = 'nobody = 1\ndef f() -> str:\n    """Give whether."""\n    return f"{nobody} waits for nobody, anew"\n'
    assert sorted(find(program, "program.py", tmp_path)) == ["Give whether", "anew", "nobody"]


def test_docstrings_of_functions_begin_with_what_they_do() -> None:
    program = 'class A:\n    """Give."""\n    def f(self) -> int:\n        """Give one.\n\n        Have two."""\n'
    program += 'async def g() -> int:\n    """Return one. Give two."""\n    return 1\n'
    assert [str(one) for one in check_openings("a.py", program, HELD.rules)] == [
        "a.py:4: 'Give': write what it does: Return, Yield, Write, Report, Make, Start, Resume, Remove"
    ]


def test_values_are_read_by_comments_and_schemas_by_descriptions(tmp_path: Path) -> None:
    assert find("a: nobody\nb: 1  # for nobody\n", "values.yaml", tmp_path) == ["nobody"]
    assert find('{"a": {"description": "anew"}, "b": "anew"}', "schema.json", tmp_path) == ["anew"]


def test_every_glob_matches_something_and_every_rule_has_a_better_word() -> None:
    globs = [*HELD.files, *HELD.docstrings]
    assert [glob for glob in globs if not glob.endswith(".py") and not any(ROOT.glob(glob))] == []
    assert all(rule.instead for rule in HELD.rules)
