"""TOML that can't be read is refused with the words that were recorded of Core's parser."""

import pytest

from readpool.simulator.core.toml_text import parse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "A=1\nthis is not toml\n", "Bare key this is not toml cannot contain whitespace at line 2", id="words"
        ),
        pytest.param('A="x\nB=1\n', "Unterminated string literal at line 1", id="an open string"),
        pytest.param("A=1\nA=2\n", "Key A already present at line 2", id="a key twice"),
        pytest.param('A="x"\n[A.b]\n', "Key Aalready exists as a value at line 2", id="a table where a value is"),
        pytest.param("A=\n", "Failed to parse value type at line 1", id="no value"),
        pytest.param("A=[1,\n", "Failed to parse value type at line 1", id="an open list at the end"),
    ],
)
def test_what_is_no_toml_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse(text)
    assert str(refused.value) == said


def test_line_ends_of_windows_are_taken() -> None:
    assert parse("A=1\r\nB=2\r\n") == {"A": 1, "B": 2}
