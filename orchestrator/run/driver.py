"""One run of a study: images ready, Ray connected, trials trained, tables written."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from model.data.image_set import split
from model.data.load import load
from model.errors import InputError
from orchestrator.cluster.allotment import Allotment, allot
from orchestrator.cluster.connection import connected
from orchestrator.cluster.gpu_sharing import trials_per_gpu
from orchestrator.cluster.nodes import portable_path, room_of
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan
from orchestrator.report.records.results_folder import refuse_another_study
from orchestrator.report.refresh import write_and_print
from orchestrator.report.write import prepare
from orchestrator.run.live_view import shown
from orchestrator.run.progress import Progress
from orchestrator.run.signals import SignalHandler, stop_tune
from orchestrator.run.trackers.callbacks import check_trackers
from orchestrator.store.retention import drop_weights
from orchestrator.store.study_registry import load_records, save_record


@dataclass(frozen=True)
class RunOptions:
    """Choices of how a study is run; none changes a result by more than rounding."""

    results: Path
    """Folder for records and tables."""
    cache: Path
    """Folder of decoded images, on every node."""
    address: str = "local"
    """Ray cluster."""
    dashboard: bool = True
    """Start Ray's dashboard with a local cluster."""
    command: str = "run it again"
    """What a person types to go on."""


def run_study(
    plan: Plan, options: RunOptions, console: Console, signals: SignalHandler | None = None
) -> bool:
    """Train what the plan lacks, then write and print its tables; True if every trial is done.

    Args:
        plan: as `with_retries` returns it, for what ended and has to be trained again.

    Raises:
        InputError: images, store, results folder or cluster are not usable, or the folder is
            another study's; nothing was trained.
        StoreError: the store failed while the study ran; what ended before is kept.
    """
    signals = signals or SignalHandler()
    _prepare(plan, options, console)
    with signals.deferred():
        if plan.count(State.WAITING):
            _train(plan, options, console, signals)
        unhurried = not signals.stop_requested
        write_and_print(plan, options.results, options.cache, console, unhurried, redraw=False)
        drop_unkept(plan, console)
        _print_failures(plan, console)
        _print_unfinished(plan, options, console)
    return plan.board.complete


def _prepare(plan: Plan, options: RunOptions, console: Console) -> None:
    """Refuse what is not usable, and note the study in the store, before anything is trained."""
    refuse_another_study(options.results, plan.slot.now)
    check_trackers(plan.study.runtime, plan.ledger.store)
    plan.ledger.store.prepare()
    prepare(options.results)
    with console.status("reading the images"):
        for data in plan.data_to_train_on:
            # What does not decode, or too few images of a class, is refused before any trial.
            images = load(data, options.cache)
            split(images, data)
            for note in images.notes:
                print_line(console, note)
    save_record(plan.ledger.store, plan.slot)


def _train(plan: Plan, options: RunOptions, console: Console, signals: SignalHandler) -> None:
    """Connect, fit the study to the cluster, and train its trials."""
    with connected(options.address, options.dashboard, options.command) as dashboard:
        # Ray: not needed by a finished study, and to be imported after its settings are made.
        from orchestrator.run.job import StudyJob
        from orchestrator.run.tuner import run_graph

        signals.catch_again()
        allotment = _fit_to_cluster(plan, options, console)
        _prepare_trials(plan)  # only now: nothing is written before the study is known to fit
        if dashboard:
            console.print(f"Ray's dashboard: http://{dashboard}", highlight=False)
        store, cache = plan.ledger.store, portable_path(options.cache)
        job = StudyJob.of_study(plan.study, store, cache, allotment)
        progress = Progress(plan.study.name, plan.board, plan.ledger, allotment.concurrent)
        with shown(progress, console), signals.on_first(stop_tune):
            run_graph(
                plan.study, plan.board, plan.ledger, job,
                stopping=lambda: signals.stop_requested, say=partial(print_line, console),
            )  # fmt: skip


def _fit_to_cluster(plan: Plan, options: RunOptions, console: Console) -> Allotment:
    room = room_of(options.address)
    sharing = trials_per_gpu(plan, room, options.cache, console)
    allotment = allot(plan.study.runtime, room, sharing)
    if plan.ledger.store.is_local and room.num_alive > 1:
        print_line(console, f"every node must see the folder {plan.ledger.store.name} (NFS?)")
    return allotment


def _prepare_trials(plan: Plan) -> None:
    """Write down what each waiting trial is, and forget how it ended before."""
    for key, seen in plan.again.items():
        plan.ledger.forget_outcome(key, seen)
    for key, state in plan.board.states.items():
        if state is State.WAITING:
            plan.ledger.write_spec(plan.graph.trials[key])


def _print_failures(plan: Plan, console: Console) -> None:
    for key, state in plan.board.states.items():
        for epochs in filter(None, (note.get("damaged") for note in plan.ledger.notes(key))):
            console.print(f"{key}: damaged checkpoints of epochs {epochs} were passed over")
        if state in (State.FAILED, State.SKIPPED):
            print_line(console, f"{state}: {key}: {plan.board.reason(key)}")
    if any((outcome := plan.ledger.outcome(key)) and outcome.final for key in plan.board.failures):
        console.print("--retry-failed trains failed trials again")


def _print_unfinished(plan: Plan, options: RunOptions, console: Console) -> None:
    """Print what is kept of the trials that were not finished, and the command that goes on."""
    unfinished = [key for key, state in plan.board.states.items() if state is State.WAITING]
    for key in unfinished:
        if done := len(plan.ledger.peek_rows(key)):
            epochs = plan.graph.trials[key].recipe.train.epochs
            console.print(f"kept: {key}: {done} of {epochs} epochs", highlight=False)
    if unfinished:
        print_line(console, f"{len(unfinished)} trials are not done; to go on: {options.command}")


def print_line(console: Console, text: str) -> None:
    """Print something to be copied: never wrapped, never read as markup."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def drop_unkept(plan: Plan, console: Console) -> None:
    """Drop the weights of the plan's trials that no study of the store keeps; the rest stays.

    A trial stays done without its weights. It cannot be exported any more, nothing can be restored
    with it, and a child that is wanted later makes `run` train it again.
    """
    policy = plan.study.runtime.keep_weights
    if policy == "all":
        return
    try:
        studies = load_records(plan.ledger.store).values()
    except InputError as error:
        console.print(f"all weights stay: {error}", markup=False)
        return
    if dropped := drop_weights(plan.ledger, studies, plan.graph.trials):
        line = f"runtime.keep_weights: {policy}: dropped the weights of {len(dropped)} trials"
        console.print(line, highlight=False)
