"""What programs read is printed in a terminal too: no word of a node or a status drives it, and none is lost."""

import contextlib
import io
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from readpool.cli.terminal.output import Output, print_data

HOSTILE = "x\x1b]0;title\x07\x1b[2J\u202e\x9b31m\x7f\u2028\r\nforged"


@pytest.mark.parametrize("output", [Output.JSON, Output.YAML])
def test_a_document_has_no_character_that_a_terminal_obeys(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    document = {"items": [{"detail": HOSTILE, HOSTILE: "é"}]}
    print_data(document, output)
    shown = capsys.readouterr().out
    assert [one for one in shown if not one.isprintable() and one != "\n"] == []
    assert "\nforged" not in shown
    assert read(shown, output) == document


def test_what_is_printable_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for output in (Output.JSON, Output.YAML):
        print_data({"name": "ö 終"}, output)
        assert "ö 終" in capsys.readouterr().out


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_any_text_is_read_back(document: dict[str, str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print_data(document, Output.JSON)
    shown = out.getvalue()
    assert read(shown, Output.JSON) == document
    assert [one for one in shown if not one.isprintable() and one != "\n"] == []


def read(shown: str, output: Output) -> Any:
    return json.loads(shown) if output is Output.JSON else yaml.safe_load(shown)
