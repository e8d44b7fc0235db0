"""`microbench export`: a network as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import click

from microbench.commands import options


@click.command("export")
@click.argument("network")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--size", default="1024x2048", show_default=True, help="Height x width of the image in pixels.")
@click.option("--batch", type=int, default=1, show_default=True, help="Images per run.")
@click.option("--classes", type=int, default=19, show_default=True, help="Number of classes.")
@options.block
@options.interaction
@options.imports
@click.option("--weights", type=click.Path(path_type=Path), help="Weights file [default: random weights].")
@click.option("--dynamic", is_flag=True, help="Leave batch, height and width open.")
@click.option(
    "--full-resolution", is_flag=True, help="Output each pixel's class at the image's size, instead of class scores."
)
def export(
    network: str,
    path: Path,
    size: str,
    batch: int,
    classes: int,
    block: str,
    interaction: str,
    weights: Path | None,
    dynamic: bool,
    full_resolution: bool,
) -> None:
    """Write NETWORK (lpsnet-s, lpsnet-m, lpsnet-step-3, ...) to the file PATH as ONNX, opset 17.

    The network has its deploy form: batch normalisation is folded into the convolutions.

    Example: microbench export lpsnet-s lpsnet-s.onnx --size 512x1024
    """
    from microbench.experiments.parsing import parse_resolution

    resolution = parse_resolution(size)
    import lpsnet

    built = lpsnet.build(network, classes, block, interaction, deploy=True)
    if weights is not None:
        lpsnet.load_weights(built, weights)
    exported = lpsnet.FullResolutionArgmax(built) if full_resolution else built
    lpsnet.export_onnx(exported, path, resolution, dynamic=dynamic, batch=batch)
    click.echo(f"Written: {path}")
