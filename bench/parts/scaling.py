"""Growth of cost with images, with trials and with workers."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.harness import runs
from bench.harness.memory import peak
from bench.harness.part import Options, cores, main
from bench.harness.result import Result, at_least, result
from bench.inputs import images as embedded
from bench.inputs.recipes import QUICK, recipe
from model.config.images import ImageFolder, SyntheticImages
from model.data.checksums import crc32_of
from model.data.image_set import ImageSet
from model.data.load import load, resolve
from orchestrator.plan.board import Board, board_of
from orchestrator.store.ledger import Ledger
from orchestrator.store.store import Store
from orchestrator.study.graph import build_graph
from orchestrator.study.recipes import arm_cells
from orchestrator.study.spec import StudySpec

_SIDE = 64
_LINEAR = at_least(0.9)


def measure(options: Options) -> Iterator[Result]:
    """Each growth by the cost of one more, the largest size beside the smallest."""
    yield from _images(options)
    yield from _trials(options)
    yield from _workers(options)


def _images(options: Options) -> Iterator[Result]:
    """Fingerprint and decode JPEG files into the cache, then open the cache."""
    drawn = embedded.image_set(_SIDE, options.pick(1024, 8))
    smallest: list[float] = []
    for copies in options.pick((1, 4, 16), (1, 2)):
        count = copies * int((~drawn.is_val).sum())
        before = peak()
        first, opened, verified = _decoded(drawn, copies)
        each = [first / count * 1e6]
        smallest, peer = smallest or each, smallest or []
        yield result(
            f"scaling.images.decode.{count}", "us an image", each, peer, less_is_better=True,
            against="the smallest set" if peer else None, goal=_LINEAR if peer else None,
            note=f"fingerprint, decode, cache; peak memory grew by {peak() - before:.0f} MB",
        )  # fmt: skip
        note = "decoded before, mapped from disk"
        yield result(f"scaling.images.open.{count}", "ms", [1e3 * one for one in opened], note=note)
        note = "the cached pixels against their checksum, once in a process"
        yield result(
            f"scaling.images.verify.{count}", "ms", [1e3 * one for one in verified], note=note
        )


def _decoded(drawn: ImageSet, copies: int) -> tuple[float, list[float], list[float]]:
    """Seconds of the first reading of a folder of images, of three later ones, of three checks."""
    with TemporaryDirectory(prefix="maskgrid-bench-") as folder:
        for copy in range(copies):
            embedded.write_jpegs(drawn, Path(folder) / "files", f"{copy:02d}-")
        path, cache = Path(folder) / "files", Path(folder) / "cache"
        config = ImageFolder(source="folder", path=path, image_size=_SIDE)
        first = _timed(lambda: load(resolve(config), cache))
        resolved = resolve(config)
        opened = [_timed(lambda: load(resolved, cache)) for _ in range(3)]
        (pixels,) = cache.glob("*/images.npy")
        return first, opened, [_timed(lambda: crc32_of(pixels)) for _ in range(3)]


def _trials(options: Options) -> Iterator[Result]:
    """From a checked study to the board of its trials, on an empty store."""
    smallest: list[float] = []
    for count in options.pick((100, 1_000, 10_000), (2, 4)):
        data = SyntheticImages(fingerprint="0" * 32)
        study = StudySpec(name="scaling", data=data, model=QUICK, seeds=tuple(range(count)))
        each = [_timed(partial(_plan, study)) / count * 1e6 for _ in range(3)]
        smallest, peer = smallest or each, smallest or []
        yield result(
            f"scaling.trials.plan.{count}", "us a trial", each, peer, less_is_better=True,
            against="the smallest study" if peer else None, goal=_LINEAR if peer else None,
            note="expanded, keyed, looked up in an empty store",
        )  # fmt: skip


def _plan(study: StudySpec) -> Board:
    with TemporaryDirectory(prefix="maskgrid-bench-") as folder:
        return board_of(build_graph(study, arm_cells(study)), Ledger(Store(folder)))


def _workers(options: Options) -> Iterator[Result]:
    """DDP ranks of one thread each, the global batch unchanged."""
    batch, steps = options.pick((64, 32), (4, 2))
    step_recipe = recipe(
        "quick", "pretrain", batch, steps, epochs=options.pick(3, 2)
    ).model_dump_json()
    counts = sorted({1, 2, cores()} & set(range(1, cores() + 1)))
    rates: dict[int, list[float]] = {count: [] for count in counts}
    with TemporaryDirectory(prefix="maskgrid-bench-") as folder:
        for _ in range(options.pick(options.rounds, 1)):
            for count in counts:
                rates[count].append(runs.torchrun(step_recipe, Path(folder), count, 1).rate)
    for count in counts:
        yield result(
            f"scaling.workers.{count}", "images/s", rates[count], rates[1] if count > 1 else [],
            against="one worker" if count > 1 else None,
            note=f"network of quick.yaml, global batch {batch}, one thread a worker, gloo",
        )  # fmt: skip


def _timed(act: Callable[[], object]) -> float:
    """Seconds of a call."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(measure)
