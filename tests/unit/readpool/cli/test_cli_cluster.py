"""The cluster that a command asks is the one that kubectl would; and a sentence for each way in which it says no."""

from pathlib import Path

import click
import pytest

from readpool.cli.pools.cluster import find_cluster, find_kubeconfig, read_namespace, say_refusal
from readpool.kubernetes.errors import ApiError

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: home
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: me, user: {token: t}}]
contexts:
  - {name: home, context: {cluster: here, user: me, namespace: stellar}}
  - {name: away, context: {cluster: here, user: me}}
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    return path


def test_the_flag_comes_before_the_environment_and_that_before_the_home(tmp_path: Path) -> None:
    usual = tmp_path / ".kube" / "config"
    assert find_kubeconfig(None, {}, tmp_path) is None
    usual.parent.mkdir()
    usual.touch()
    assert find_kubeconfig(None, {}, tmp_path) == usual
    assert find_kubeconfig(None, {"KUBECONFIG": ""}, tmp_path) == usual
    assert find_kubeconfig(None, {"KUBECONFIG": "/a:/b"}, tmp_path) == Path("/a:/b")
    assert find_kubeconfig(Path("/c"), {"KUBECONFIG": "/a"}, tmp_path) == Path("/c")


@pytest.mark.parametrize(
    ("context", "namespace"),
    [
        pytest.param(None, "stellar", id="the current one's"),
        pytest.param("home", "stellar", id="the named one's"),
        pytest.param("away", "default", id="one that has none"),
    ],
)
def test_the_namespace_is_that_of_the_context(kubeconfig: Path, context: str | None, namespace: str) -> None:
    assert read_namespace(kubeconfig, context) == namespace
    assert find_cluster(kubeconfig, context, "other").namespace == "other"


def test_of_several_kubeconfigs_those_that_are_there_count(kubeconfig: Path) -> None:
    assert read_namespace(Path(f"/nowhere:{kubeconfig}"), None) == "stellar"


@pytest.mark.parametrize(
    ("text", "context", "sentence"),
    [
        pytest.param(None, None, "There is no kubeconfig at", id="not there"),
        pytest.param(KUBECONFIG, "abroad", "has no such context; there is away, home.", id="no such context"),
        pytest.param("", None, "cannot be used", id="empty"),
        pytest.param("just a text", None, "cannot be used", id="a text"),
        pytest.param("a: [", None, "cannot be used", id="no YAML"),
        pytest.param("{}", None, "cannot be used", id="nothing in it"),
        pytest.param(KUBECONFIG.replace("home", "lost", 1), None, "cannot be used", id="current context not there"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_refused_with_a_sentence(
    tmp_path: Path, text: str | None, context: str | None, sentence: str
) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(click.ClickException) as refusal:
        find_cluster(path, context, "given")
    assert sentence in refusal.value.message
    assert str(path) in refusal.value.message


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(ApiError(0, "ClientConnectorError", "refused"), "The cluster does not answer. refused", id="down"),
        pytest.param(
            ApiError(404, "NotFound", "page"), "The cluster has no ReadOnlyPool CRD: install the chart", id="CRD"
        ),
        pytest.param(ApiError(401, "Unauthorized", ""), "does not know who you are", id="nobody"),
        pytest.param(
            ApiError(403, "Forbidden", "eve cannot list"),
            "You may not do this: eve cannot list. It takes a Role",
            id="forbidden",
        ),
        pytest.param(ApiError(429, "TooManyRequests", "later"), "refuses. TooManyRequests: later", id="anything else"),
    ],
)
def test_each_refusal_has_a_sentence(error: ApiError, sentence: str) -> None:
    assert sentence in say_refusal(error)
