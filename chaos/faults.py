"""Faults of a running study; each returns the process that the study ends with."""

import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial

from chaos.processes import kill_all, kill_one, wait_for
from chaos.study_under_test import StudyUnderTest

Popen = subprocess.Popen[str]
Fault = Callable[[StudyUnderTest, Popen], Popen]

# What `maskgrid run` answers to a first signal and to a second.
SAID = "stopping in good order", "stopped at once"
# The end of what it says in good order.
GOES_ON = "to go on: maskgrid run "
# Second trial of the study: a pretraining, whose child waits for it.
PRETRAIN = 1


def worker(arena: StudyUnderTest, driver: Popen) -> Popen:
    """A Train worker dies; Ray starts the workers again."""
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    kill_one(_above(arena, driver), "RayTrainWorker")
    return driver


def controller(arena: StudyUnderTest, driver: Popen) -> Popen:
    """The actor that watches over a trial's workers dies."""
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    kill_one(_above(arena, driver), "TrainController")
    return driver


def actor(arena: StudyUnderTest, driver: Popen) -> Popen:
    """A trial's own actor dies, and its training with it."""
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    kill_one(_above(arena, driver), "ImplicitFunc")
    return driver


def driver(arena: StudyUnderTest, driver: Popen) -> Popen:
    """The driver dies and leaves Tune's own state cut short; the same command goes on."""
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    for state in (arena.store / "tune").rglob("experiment_state*.json"):
        state.write_text('{"cut": ')
    return arena.start()


def terminate(arena: StudyUnderTest, driver: Popen) -> Popen:
    """SIGTERM, as a batch system sends it; the same command goes on."""
    return _stopped(arena, driver, [signal.SIGTERM])


def ctrl_c_twice(arena: StudyUnderTest, driver: Popen) -> Popen:
    """Two Ctrl-C in a row; the same command goes on."""
    return _stopped(arena, driver, [signal.SIGINT, signal.SIGINT])


def terminate_group(arena: StudyUnderTest, driver: Popen) -> Popen:
    """SIGTERM to all of the study's processes, as `timeout`, systemd and Slurm send it."""
    return _stopped(arena, driver, [signal.SIGTERM], os.killpg)


def hang_up_group(arena: StudyUnderTest, driver: Popen) -> Popen:
    """SIGHUP to all of the study's processes, as a closed terminal sends it."""
    return _stopped(arena, driver, [signal.SIGHUP], os.killpg)


def ctrl_c_group(arena: StudyUnderTest, driver: Popen) -> Popen:
    """Ctrl-C, which a terminal sends to all of the study's processes."""
    return _stopped(arena, driver, [signal.SIGINT], os.killpg)


def terminate_group_twice(arena: StudyUnderTest, driver: Popen) -> Popen:
    """SIGTERM to all of the study's processes, and again."""
    return _stopped(arena, driver, [signal.SIGTERM, signal.SIGTERM], os.killpg)


def terminate_group_without_workers(arena: StudyUnderTest, driver: Popen) -> Popen:
    """SIGTERM to all of the study's processes right after its workers were killed."""

    def send(group: int, number: int) -> None:
        kill_all(group, _is_worker)
        os.killpg(group, number)

    return _stopped(arena, driver, [signal.SIGTERM], send)


def terminate_group_without_ray(arena: StudyUnderTest, driver: Popen) -> Popen:
    """SIGTERM to all of the study's processes when all of Ray's were killed before."""
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    os.kill(driver.pid, signal.SIGSTOP)  # it is to find the signal and the deaths together
    kill_all(driver.pid)
    os.killpg(driver.pid, signal.SIGTERM)
    os.kill(driver.pid, signal.SIGCONT)
    _ended(driver)
    _require(arena, GOES_ON)
    return arena.start()


def gcs(arena: StudyUnderTest, driver: Popen) -> Popen:
    """Ray's GCS dies; the same command goes on."""
    return _without(arena, driver, "gcs_server")


def raylet(arena: StudyUnderTest, driver: Popen) -> Popen:
    """Ray's raylet dies; the same command goes on."""
    return _without(arena, driver, "raylet")


def damaged_checkpoint(arena: StudyUnderTest, driver: Popen) -> Popen:
    """The driver dies, and the newest checkpoint is cut short meanwhile."""
    key = arena.keys[PRETRAIN]
    arena.until_epoch(key, 2)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    committed = sorted((arena.store / "trials" / key / "checkpoints").glob("*.json"))[-1]
    newest = committed.with_suffix(".safetensors")
    newest.write_bytes(newest.read_bytes()[:100])
    return arena.start()


def vanished_store(arena: StudyUnderTest, driver: Popen) -> Popen:
    """The store is gone for a while, as an unmounted disk; the same command goes on."""
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    away = arena.store.with_name("away")
    arena.store.rename(away)
    _ended(driver)
    subprocess.run(["rm", "-rf", str(arena.store)], check=True)  # what Ray itself made there
    away.rename(arena.store)
    return arena.start()


def second_run(arena: StudyUnderTest, driver: Popen) -> Popen:
    """The same study is run a second time beside the first, which then dies."""
    other = arena.start("other")
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    if other.wait():
        return other
    return arena.start()


def three_times(arena: StudyUnderTest, driver: Popen) -> Popen:
    """The driver dies in each of three epochs; the same command goes on each time."""
    for epoch in (1, 2, 3):
        arena.until_epoch(arena.keys[PRETRAIN], epoch)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        driver = arena.start()
    return driver


def _stopped(
    arena: StudyUnderTest,
    driver: Popen,
    signals: list[signal.Signals],
    send: Callable[[int, int], None] = os.kill,
) -> Popen:
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    for number, said in zip(signals, SAID, strict=False):
        send(driver.pid, number)  # the driver leads its process group
        wait_for(said, partial(arena.says, said))
    _ended(driver)
    if len(signals) == 1:
        _require(arena, GOES_ON)
    return arena.start()


def _without(arena: StudyUnderTest, driver: Popen, name: str) -> Popen:
    arena.until_epoch(arena.keys[PRETRAIN], 2)
    kill_one(driver.pid, f"/{name} ")
    _ended(driver)
    _require(arena, f"Ray's {name} has ended")
    _require(arena, GOES_ON)
    return arena.start()


def _is_worker(command: str) -> bool:
    """Whether a process of Ray's trains or waits to; Ray's agents bear such names too."""
    return command.startswith("ray::") and "Agent" not in command


def _require(arena: StudyUnderTest, words: str) -> None:
    """Make sure that the study ended with these words, not by its deadline or in Ray's."""
    if not arena.says(words):
        raise RuntimeError(f"it did not say {words!r}: {arena.log()[-2000:]}")


def _ended(driver: Popen) -> None:
    wait_for("the driver's end", lambda: driver.poll() is not None)


def _above(arena: StudyUnderTest, driver: Popen) -> int:
    """Whose descendants the study's workers are: its driver's, or of a cluster, ours."""
    return driver.pid if arena.address == "local" else os.getpid()
