"""`python -m readpool.simulator`: a simulated fleet by itself, to look at with curl or to point a scaler at."""

import asyncio
import signal

import click
import uvloop

from readpool.simulator.fleet import FleetSettings, start_fleet
from readpool.simulator.network import NetworkSettings
from readpool.simulator.node import NodeSettings


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--nodes", default=5, type=click.IntRange(0), help="Nodes that begin in step with the network.")
@click.option("--newcomers", default=0, type=click.IntRange(0), help="Further nodes that begin with nothing.")
@click.option("--base-port", default=0, type=click.IntRange(0, 65535), help="Port of the first node; 0: free ones.")
@click.option(
    "--dns-port", default=None, type=click.IntRange(0, 65535), help="Serve the fleet's headless Service by DNS."
)
@click.option("--speed", default=1.0, type=click.FloatRange(0, min_open=True), help="Simulated seconds a second.")
@click.option("--ledger-seconds", default=5.0, type=click.FloatRange(1), help="Simulated seconds a ledger.")
@click.option("--checkpoint-ledgers", default=64, type=click.IntRange(1), help="Ledgers a checkpoint.")
@click.option("--warm-up-seconds", default=60.0, type=click.FloatRange(0), help="How long a newcomer applies buckets.")
@click.option("--seed", default=0, help="What all that looks random is made from.")
def main(  # noqa: PLR0913 - one argument an option, as click passes them
    *,
    nodes: int,
    newcomers: int,
    base_port: int,
    dns_port: int | None,
    speed: float,
    ledger_seconds: float,
    checkpoint_ledgers: int,
    warm_up_seconds: float,
    seed: int,
) -> None:
    """Serve simulated Stellar Core nodes on 127.0.0.1 until Ctrl-C, each answering /info on a port of its own."""
    settings = FleetSettings(
        nodes=nodes,
        speed=speed,
        base_port=base_port,
        network=NetworkSettings(ledger_seconds=ledger_seconds, checkpoint_ledgers=checkpoint_ledgers, seed=seed),
        node=NodeSettings(bucket_seconds=warm_up_seconds),
    )
    try:
        uvloop.run(_serve(settings, newcomers, dns_port))
    except OSError as error:
        raise click.ClickException(str(error)) from error


async def _serve(settings: FleetSettings, newcomers: int, dns_port: int | None) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with await start_fleet(settings) as fleet:
        await fleet.scale(settings.nodes + newcomers)
        for name, address in fleet.addresses().items():
            click.echo(f"{name} {address}/info")
        if dns_port is not None:
            server = await fleet.start_dns(dns_port)
            click.echo(f"dns {server.address} {server.service.host}")
        await ended.wait()


if __name__ == "__main__":
    main(prog_name="python -m readpool.simulator")
