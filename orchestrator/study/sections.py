"""The sections of a study as nested mappings, in which a cell sets, replaces and removes fields.

They are `data`, `model` and one for each stage. What a stage leaves out it takes from the study,
field by field, unless it names another `source` of images or another kind of `network`: of those
the study's fields mean nothing to it, save the image size.
"""

import copy
import difflib
from collections.abc import Mapping
from typing import Any

from orchestrator.study.axes import Setting
from orchestrator.study.dotted_paths import flatten
from orchestrator.study.spec import StudySpec
from orchestrator.study.stages import NONE, ROLES

Sections = dict[str, Any]

# Data fields that only divide the images that a fingerprint stands for. As many synthetic images
# are made as are requested; of a folder, `split_seed` may choose the validation images too.
DIVIDING_FIELDS = {
    "synthetic": ("split_seed",),
    "tiny-imagenet": ("split_seed", "train_per_class", "dev_per_class"),
    "folder": ("train_per_class", "dev_per_class"),
}


class UnknownField(ValueError):
    """A path that names no recipe field, or none that a cell may change."""


def sections_of(study: StudySpec) -> Sections:
    """The study's own sections."""
    dumped = study.model_dump(mode="json", include={"data", "model", "stages"})
    return {"data": dumped["data"], "model": dumped["model"], **dumped["stages"]}


def set_field(study: StudySpec, sections: Sections, path: str, value: Setting) -> None:
    """Set one field in place, replace a whole section, or remove an input or a term.

    Args:
        sections: as `sections_of` returns them.
        path: the field, such as `model.heads` or `pretrain.mask.ratio`.
        value: what it becomes; `none` removes an input or a term, or all terms.

    Raises:
        UnknownField: there is no such field, or it selects images; the message says what is near.
    """
    *parents, last = path.split(".")
    tree = complete(study, sections)
    if not _takes(tree, [*parents, last], value):
        raise UnknownField(_unknown(study, tree, path))
    if "data" in (*parents[-1:], last):
        _check_divides(tree, parents, last)
    node = sections
    for depth, step in enumerate(parents, start=1):
        if isinstance(node.get(step), str):  # a network by its name, of which a field changes
            node[step] = copy.deepcopy(_at(tree, parents[:depth]))
        node = node[step]
    node[last] = _value([*parents, last], value)


def complete(study: StudySpec, sections: Sections) -> Sections:
    """The sections with everything filled in that stages take from the study."""
    networks = study.model_dump(mode="json", include={"networks"})["networks"]
    model, data = _network(networks, {}, sections["model"]), sections["data"]
    stages = {name: section for name, section in sections.items() if name in study.stages}
    return {
        "data": data,
        "model": model,
        **{
            name: {
                **section,
                "data": _images(data, section["data"]),
                "model": _network(networks, model, section["model"]),
            }
            for name, section in stages.items()
        },
    }


def _images(study: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    source = own.get("source", study["source"])
    if source != study["source"]:
        return {"image_size": study["image_size"], **own}
    # Other images than the study's, or others of them, have a fingerprint of their own.
    same = set(own) <= {*DIVIDING_FIELDS[source], "fingerprint"}
    return {**study, **({} if same else {"fingerprint": None}), **own}


def _network(
    networks: Mapping[str, Any], study: Mapping[str, Any], own: Mapping[str, Any] | str
) -> dict[str, Any]:
    if isinstance(own, str):
        if own not in networks:
            known = ", ".join(networks) or "none"
            raise UnknownField(f"network {own!r} is not one of networks: {known}")
        return _network(networks, study, networks[own])
    same = own.get("network", study.get("network")) == study.get("network")
    return {**study, **own} if same else dict(own)


def _takes(tree: Sections, steps: list[str], value: Setting) -> bool:
    """Whether a path leads to a field, or to a section that such a value can replace."""
    node: Any = tree
    for step in steps:
        if not isinstance(node, dict) or step not in node:
            return False
        node = node[step]
    if not isinstance(node, dict):
        return steps[-1] != "task"
    if steps[-1] == "model":
        return isinstance(value, dict | str)  # a string is a network's name
    removable = value == NONE and "terms" in steps[-2:]
    return len(steps) > 1 and (removable or isinstance(value, dict))


def _at(tree: Sections, steps: list[str]) -> Any:
    node: Any = tree
    for step in steps:
        node = node[step]
    return node


def _check_divides(tree: Sections, parents: list[str], field: str) -> None:
    if field == "data" or field not in DIVIDING_FIELDS[_at(tree, parents)["source"]]:
        path = ".".join([*parents, field])
        raise UnknownField(f"{path!r} selects images, and a stage has one set of them")


def _value(steps: list[str], value: Setting) -> Any:
    """The value as a section holds it: `none` removes where something can be removed."""
    if value != NONE:
        return value
    if steps[-1] == "terms":
        return {}
    return None if steps[-1] in ROLES or steps[-2:-1] == ["terms"] else value


def _unknown(study: StudySpec, tree: Sections, path: str) -> str:
    names = [*study.aliases, *flatten(tree)]
    near = difflib.get_close_matches(path, names, n=3, cutoff=0.4)
    return f"{path!r} is not a recipe field; nearest: {', '.join(near) or 'none'}"
