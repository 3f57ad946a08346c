"""A reader of W&B's offline files, which are LevelDB logs of protobuf records.

Format: https://github.com/google/leveldb/blob/main/doc/log_format.md, after a header of 7 bytes.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK, _HEADER = 32768, 7
_WHOLE, _LAST = 1, 4


def name_and_history(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """The run's name, and what was logged at each step."""
    from wandb.proto.wandb_internal_pb2 import Record

    name, history = "", []
    for content in _records(path.read_bytes()):
        record = Record()
        record.ParseFromString(content)
        name = record.run.display_name or name
        if record.history.item:
            history.append({
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            })  # fmt: skip
    return name, history


def _records(log: bytes) -> Iterator[bytes]:
    at, begun = _HEADER, b""
    while at + _HEADER <= len(log):
        if _BLOCK - at % _BLOCK < _HEADER:  # too little room for a record: padding
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", log, at)
        begun += log[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        if kind in (_WHOLE, _LAST):
            yield begun
            begun = b""
