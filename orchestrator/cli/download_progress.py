"""`maskgrid data fetch` as a person sees it: a progress bar around the download."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from model.data.tiny_imagenet_download import fetch_tiny_imagenet


def fetch_with_progress(source: str | None, to: Path, console: Console) -> Path:
    """Fetch Tiny ImageNet and show how far it is; returns the verified zip.

    Raises:
        InputError: the source cannot be reached, or what arrived is not Tiny ImageNet.
    """
    columns = (
        TextColumn("tiny-imagenet"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=None)

        def show(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        return fetch_tiny_imagenet(source, to, show)
