"""The chart's router and the Envoy of the example ask replicas alike, so that what is tested of one holds of both."""

from typing import Any

import pytest
import yaml

from devtools.envoy.eds_router import BOOTSTRAP
from tests.e2e.rendered_chart import Helm
from tests.e2e.test_chart_router import ONE, read_config

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built


def test_it_asks_as_the_envoy_of_the_example_does(helm: Helm) -> None:
    """Behaviour is tested by the example's bootstrap: what reads go by is the same in both."""
    ours, example = read_config(helm.render(*ONE)), yaml.safe_load(BOOTSTRAP.read_text())
    assert read_route(ours) == read_route(example)
    assert read_pool_cluster(ours) == read_pool_cluster(example)


def read_route(config: Any) -> dict[str, Any]:
    """Read by what rules readers are sent on, wherever it is that they come in."""
    listener = config["static_resources"]["listeners"][0]
    (manager,) = listener["filter_chains"][0]["filters"]
    (host,) = manager["typed_config"]["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    return {
        **route["route"],
        "cluster": "of the pool",
        "match": route["match"],
        "kept to ask again": listener["per_connection_buffer_limit_bytes"],
    }


def read_pool_cluster(config: Any) -> dict[str, Any]:
    """Read all that is set for the pool's replicas, but for names, statistics and a wait at the start."""
    (pool,) = (one for one in config["static_resources"]["clusters"] if one["type"] == "EDS")
    told = pool["eds_cluster_config"]
    (service,) = told["eds_config"]["api_config_source"]["grpc_services"]
    service["envoy_grpc"]["cluster_name"] = pool["name"] = told["service_name"] = "any"
    told["eds_config"].pop("initial_fetch_timeout", None)
    pool.pop("track_cluster_stats", None)
    return dict(pool)
