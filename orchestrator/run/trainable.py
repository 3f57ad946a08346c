"""One Tune run over the trial graph: the Tuner, and the trainable that fits one trial."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from ray import tune
from ray.exceptions import ActorDiedError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from orchestrator.cluster.allotment import Allotment
from orchestrator.cluster.connection import start_workers_within
from orchestrator.run.dashboard_name import DashboardName
from orchestrator.run.failures import OutOfMemory, advice, cause, lacks_memory
from orchestrator.run.placement_groups import remove_stale_groups
from orchestrator.run.trial_names import readable_name
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store, StoreError
from orchestrator.study.runtime import compiles

_POLL_SECONDS = 0.5
# Right after a node was lost Train still counts on its places, and asks again only when they do not
# come. An elastic trial never asks for more than there seems to be, so it need not wait for long.
_ELASTIC_PATIENCE = 30.0


def run_trial(config: dict[str, Any], settings: dict[str, Any]) -> None:
    """Tune's trainable: train one trial and pass its epochs on to Tune.

    The training runs in a thread of its own. This one reads the ledger and reports to Tune: a
    busy driver can then delay a report but never the training, and nothing waits on a full queue.
    """
    key = config["trial_key"]
    ledger = Ledger(Store(settings["store"]))
    if ledger.outcome(key):  # Tune tries a failed trial again; it would only fail again
        _conclude(ledger, key, [])
        return
    settings = {**settings, "run_name": f"{settings['study']}-{readable_name(config)}"}
    told = len(ledger.peek_rows(key))
    ended = threading.Event()
    errors: list[Exception] = []

    def train() -> None:
        try:
            _execute(key, settings)
        except Exception as error:
            errors.append(error)
        finally:
            ended.set()

    threading.Thread(target=train, daemon=True, name=f"train {key}").start()
    for metrics in _epochs(ledger, key, told, ended):
        tune.report(metrics)
    _conclude(ledger, key, errors)


def _execute(key: str, settings: dict[str, Any]) -> None:
    allotment = Allotment(**settings["allotment"])
    config = {name: settings[name] for name in ("store", "cache", "provenance")}
    gpu = allotment.gpus_per_worker > 0
    config |= {"trial_key": key, "threads": allotment.cpus_per_worker, "gpu": gpu}
    config["compiled"] = compiles(settings["compile"], gpu)
    from orchestrator.run import worker  # torch: the driver has no need of it

    if allotment.executor == "inline":
        _with_restarts(worker.train_inline, config, settings["max_restarts"])
        return
    if allotment.max_workers:
        start_workers_within(_ELASTIC_PATIENCE)

    def train(config: dict[str, Any]) -> None:
        remove_stale_groups(Ledger(Store(config["store"])), key)
        _trainer(config, allotment, settings).fit()

    # Train starts lost workers again by itself, but nobody its controller.
    _with_restarts(train, config, settings["max_restarts"], ActorDiedError)


def _trainer(
    config: dict[str, Any], allotment: Allotment, settings: dict[str, Any]
) -> TorchTrainer:
    from orchestrator.run import worker

    gpu = config["gpu"]
    return TorchTrainer(
        worker.train_fn_per_worker,
        train_loop_config=config,
        torch_config=TorchConfig(backend="nccl" if gpu else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=allotment.train_workers,  # type: ignore[arg-type]
            use_gpu=gpu,
            resources_per_worker=allotment.worker_resources,
        ),
        run_config=RunConfig(
            name=settings["run_name"],
            storage_path=Store(settings["store"]).join(Paths.train),
            callbacks=[DashboardName(settings["run_name"])],  # type: ignore[list-item]
            # Ray declares the older class, but gives the one that has this limit: without it a
            # worker group that cannot start would be tried for ever.
            failure_config=FailureConfig(
                max_failures=settings["max_restarts"],
                controller_failure_limit=settings["max_restarts"],  # type: ignore[call-arg]
            ),
        ),
    )


def _with_restarts(
    train: Callable[[dict[str, Any]], None],
    config: dict[str, Any],
    restarts: int,
    lost: type[Exception] = Exception,
) -> None:
    """Try again, from the last checkpoint, as Train does for its workers."""
    for left in reversed(range(restarts + 1)):
        try:
            return train(config)
        except lost:
            if not left:
                raise


def _epochs(
    ledger: Ledger, key: str, told: int, ended: threading.Event
) -> Iterator[dict[str, Any]]:
    """Each epoch beyond those told before, as the ledger shows it, until the training has ended."""
    while True:
        last = ended.wait(_POLL_SECONDS)
        rows = ledger.peek_rows(key)
        for row in rows[told:]:
            yield {"trial_key": key, **asdict(row)}
        told = max(told, len(rows))
        if last:
            return


def _conclude(ledger: Ledger, key: str, errors: list[Exception]) -> None:
    """Say the end to Tune; only what the ledger calls done is a success."""
    from orchestrator.run.failures import outcome_of

    outcome = ledger.outcome(key)
    if outcome is None:
        error = cause(errors[0]) if errors else RuntimeError("it ended without an outcome")
        if isinstance(error, StoreError):
            raise error  # no failure of the trial's, and there is nowhere to write it
        if lacks_memory(error):
            error = OutOfMemory(advice(ledger.spec(key)))
        outcome = outcome_of(ledger, key, error)
        ledger.fail(key, outcome)
    if outcome.failure:
        raise RuntimeError(f"trial {key} failed: {outcome.failure}")
    tune.report({"trial_key": key, "state": outcome.state})
