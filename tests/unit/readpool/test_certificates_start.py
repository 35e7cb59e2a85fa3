"""`readpool certificates` that cannot start as things are: the log's last line says why, and the exit code is 1."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from readpool.certificates.__main__ import certificates

KUBECONFIG = """
clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: a, context: {cluster: a, user: a}}]
users: [{name: a, user: {}}]
current-context: a
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("[1, 2]", "no cluster: ", id="no kubeconfig"),
        pytest.param(KUBECONFIG, "--telemetry-listen 127.0.0.1:{port} cannot be bound: ", id="a port in use"),
    ],
)
def test_what_keeps_it_from_starting_is_its_last_line(tmp_path: Path, text: str, problem: str) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = ["--kubeconfig", str(kubeconfig), "--telemetry-listen", f"127.0.0.1:{port}"]
        outcome = CliRunner().invoke(certificates, [*flags, "--authority", "ca", "--server", "tls=scaler.readpool"])
    assert outcome.exit_code == 1
    event = json.loads(outcome.output.splitlines()[-1])
    assert event["event"] == "cannotStart"
    assert event["message"].startswith(problem.format(port=port))
