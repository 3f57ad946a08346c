"""Jobs: what the driver passes to a trial's processes; the recipe itself is in the store."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from orchestrator.cluster.allotment import Allotment
from orchestrator.run.trial_names import readable_name
from orchestrator.store.ledger import Ledger
from orchestrator.store.provenance import code_provenance
from orchestrator.store.store import Store
from orchestrator.study.runtime import compiles
from orchestrator.study.spec import StudySpec


class StudyJob(BaseModel):
    """The part of a job that all trials of one run have in common; made once, in the driver.

    Ray gets it as a flat dict of primitives (`model_dump`), never as an object.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    store: str
    """URI of the store."""
    cache: str
    """Folder of decoded images, as every node can follow it."""
    allotment: Allotment
    compiled: bool
    """Whether trials are trained through torch.compile."""
    max_restarts: int
    """Times that a trial is started again after its processes were lost."""
    provenance: dict[str, Any]
    """Versions and commit of the driver's code, for each trial's outcome."""

    @classmethod
    def of_study(
        cls, study: StudySpec, store: Store, cache: str, allotment: Allotment
    ) -> "StudyJob":
        """The job of a study on a cluster that it has been fitted to."""
        runtime = study.runtime
        return cls(
            study=study.name,
            store=store.uri,
            cache=cache,
            allotment=allotment,
            compiled=compiles(runtime.compile, allotment.gpus_per_worker > 0),
            max_restarts=runtime.max_restarts,
            provenance=code_provenance(),
        )

    def of_trial(self, columns: Mapping[str, Any]) -> "TrialJob":
        """The job of one trial.

        Args:
            columns: as Tune is given them: `trial_key`, `stage`, `cell`, `seed`, values of axes.
        """
        name = f"{self.study}-{readable_name(columns)}"
        return TrialJob(**dict(self), trial_key=columns["trial_key"], run_name=name)

    @property
    def ledger(self) -> Ledger:
        """The store's ledger."""
        return Ledger(Store(self.store))

    @property
    def gpu(self) -> bool:
        """Whether trials train on GPUs."""
        return self.allotment.gpus_per_worker > 0


class TrialJob(StudyJob):
    """Everything that the processes of one trial need to know."""

    trial_key: str
    run_name: str
    """Of its Train run, for people who read Ray's dashboard or TensorBoard."""
