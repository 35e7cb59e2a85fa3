"""`readpool check`: asks a scaler as KEDA does and reports in one line whether it answers. `helm test` runs it.

The trigger names a Service that does not exist: the answers follow from the trigger alone. For ten minutes the scaler
looks for that Service, as for every fleet that KEDA no longer asks for; its metrics leave it out.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from readpool.cli.clients.endpoint import Endpoint, build_endpoint, check_address, open_channel, tls_options
from readpool.cli.fleets.answers import Answer, TooFewAddressesError, ask_until_settled, find_addresses, is_failed
from readpool.cli.fleets.check_ready import SCHEME, ask_until_ready, describe_readiness
from readpool.cli.terminal.output import ANSWERING, Output, build_document, output_option, print_data
from readpool.keda import externalscaler_pb2 as pb
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.pretended import PRETENDED_SERVICE
from readpool.text import make_printable

SERVICE = pb.DESCRIPTOR.services_by_name["ExternalScaler"].full_name
TRIGGER = {"service": PRETENDED_SERVICE, "port": "11626", "targetReplicas": "1"}
METRIC = "desiredReplicas"
# Back-off would be shared with the channels of earlier tries.
_OPTIONS = (("grpc.use_local_subchannel_pool", 1),)


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  readpool check readpool-scaler.readpool:9090
  readpool check readpool-scaler.readpool:9090 --each
  readpool check readpool-scaler.readpool:9090 --at-least 2
  readpool check http://readpool-controller.readpool:8080/readyz
  readpool check scaler:9090 --tls-ca ca.crt --tls-cert tls.crt --tls-key tls.key""",
)
@click.argument("address", default="localhost:9090", envvar="READPOOL_SCALER", metavar="[HOST:PORT | URL]")
@click.option("--each", is_flag=True, help="Ask every address behind HOST: every scaler of a headless Service.")
@click.option(
    "--at-least",
    type=click.IntRange(min=1),
    metavar="N",
    help="Like --each, and fail if HOST has fewer addresses. DNS may learn of a new one some seconds late.",
)
@click.option(
    "-n",
    "--namespace",
    default="readpool",
    show_default=True,
    metavar="NS",
    help="Namespace of the ScaledObject that the check pretends to be.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to retry while it does not answer.",
)
@output_option(ANSWERING)
@tls_options
def check(
    *,
    address: str,
    each: bool,
    at_least: int | None,
    namespace: str,
    timeout: float,
    output: Output,
    **tls: Path | str | None,
) -> None:
    """Ask a scaler as KEDA does: is it SERVING, does it name metric and target, is a pool with a target active?

    The address is what a ScaledObject has as scalerAddress; the default is localhost:9090. A URL that begins with
    http:// is asked whether it is ready instead, such as a controller's /readyz. The exit code is 0 if every answer is
    as expected.
    """
    wanted = 1 if each and at_least is None else at_least
    if address.startswith(SCHEME):
        answers = asyncio.run(ask_until_ready(address, timeout, wanted))
        line = describe_readiness(address, answers)
    else:
        check_address(address, "ADDRESS")
        endpoint = build_endpoint(address, **tls)
        answers = asyncio.run(ask_until_answered(endpoint, namespace, timeout, wanted))
        line = describe(address, answers)
    _report(address, line, answers, output)


def _report(address: str, line: str, answers: Sequence[Answer], output: Output) -> NoReturn:
    failed = is_failed(answers)
    if output.is_data:
        found = [{"address": one.address, "ok": not one.failure, "failure": one.failure} for one in answers]
        print_data(build_document("CheckResult", address=address, ok=not failed, message=line, answers=found), output)
    else:
        click.echo(make_printable(line), err=failed)
    sys.exit(int(failed))


def describe(address: str, answers: Sequence[Answer]) -> str:
    """Return the result in one line."""
    failed = [answer for answer in answers if answer.failure]
    if not failed:
        who = f"{address} answers" if len(answers) == 1 else f"All {len(answers)} scalers at {address} answer"
        return f"{who} as KEDA asks: SERVING, {METRIC} with a target of 1, active."
    reasons = "; ".join(f"{answer.address}: {answer.failure}" for answer in failed)
    count = f" ({len(failed)} of {len(answers)} fail)" if len(answers) > 1 else ""
    return f"{address} does not answer as KEDA asks{count}. {reasons}"


async def ask_until_answered(endpoint: Endpoint, namespace: str, seconds: float, at_least: int | None) -> list[Answer]:
    """Ask until a scaler, or each of `at_least` or more behind its name, answers well, for at most `seconds`."""

    async def ask_all(left: float) -> list[Answer]:
        return await _ask_all(endpoint, namespace, left, at_least)

    return await ask_until_settled(ask_all, seconds)


async def _ask_all(endpoint: Endpoint, namespace: str, seconds: float, at_least: int | None) -> list[Answer]:
    if at_least is None:
        return [await ask(endpoint, endpoint.address, namespace, seconds)]
    try:
        addresses = await find_addresses(endpoint.address, at_least)
    except TooFewAddressesError as error:
        return [Answer(endpoint.address, str(error))]
    asking = (ask(_narrow(endpoint, address), address, namespace, seconds) for address in addresses)
    return list(await asyncio.gather(*asking))


def _narrow(endpoint: Endpoint, address: str) -> Endpoint:
    """Return the endpoint of one address, which still has to show the certificate of the name."""
    if not endpoint.is_secure:
        return replace(endpoint, address=address)
    host = endpoint.address.rpartition(":")[0].strip("[]")
    return replace(endpoint, address=address, tls_server_name=endpoint.tls_server_name or host)


async def ask(endpoint: Endpoint, address: str, namespace: str, seconds: float) -> Answer:
    """Make all three calls over a connection of their own, and compare the answers with what they should be."""
    reference = pb.ScaledObjectRef(namespace=namespace, name=PRETENDED_SERVICE, scalerMetadata=TRIGGER)
    async with open_channel(endpoint, _OPTIONS) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # the library's types know of no methods
        scaler = ExternalScalerStub(channel)
        try:
            status = (await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=seconds)).status
            specs = (await scaler.GetMetricSpec(reference, timeout=seconds)).metricSpecs
            active = (await scaler.IsActive(reference, timeout=seconds)).result
        except grpc.aio.AioRpcError as error:
            is_final = error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
            return Answer(address, f"{error.code().name}: {error.details()}", is_final)
    if status != health_pb2.HealthCheckResponse.SERVING:
        return Answer(address, f"its health is {health_pb2.HealthCheckResponse.ServingStatus.Name(status)}")
    if [(spec.metricName, spec.targetSizeFloat) for spec in specs] != [(METRIC, 1.0)]:
        named = ", ".join(f"{spec.metricName} with a target of {spec.targetSizeFloat:g}" for spec in specs)
        return Answer(address, f"it names {named or 'no metric'} instead of {METRIC} with a target of 1", is_final=True)
    return Answer(address) if active else Answer(address, "it calls a pool with a target inactive", is_final=True)
