"""A classifier's answers as a Parquet file beside its trial."""

import pyarrow as pa

from model.answers import Answers
from orchestrator.store.schemas import ANSWERS, to_parquet


def answers_to_parquet(key: str, answers: Answers) -> bytes:
    """The file's bytes."""
    columns = answers.sample_ids, answers.labels, answers.predicted, answers.probability
    keys = pa.array([key] * len(answers.sample_ids))
    return to_parquet(pa.Table.from_arrays([keys, *map(pa.array, columns)], schema=ANSWERS))
