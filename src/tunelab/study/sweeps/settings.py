"""From a setting of a sweep to the study that a trial runs, and whether each key acts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.config import Models, Study, make_study, to_dict
from tunelab.errors import UsageError
from tunelab.guards.strict_yaml import apply_overrides
from tunelab.registry import check_name
from tunelab.study.feasibility import check_feasible
from tunelab.study.resolution import (
    check_names,
    learning_rate,
    method_ids,
    method_settings,
    model_card,
)
from tunelab.study.sweeps.space import Axis, edges


def searched_method(study: Study, name: str | None) -> int:
    """The index of the method that a sweep searches.

    Raises:
        UsageError: there is none of that name, or several and none is named.
    """
    names = method_ids(study)
    if not names:
        raise UsageError("the study names no method, so there is nothing to search.")
    if name is not None:
        return names.index(check_name("method of this study", name, names))
    if len(names) > 1:
        raise UsageError(f"a sweep searches one method: add --method {' or '.join(names)}.")
    return 0


def with_values(study: Study, values: Mapping[str, Any]) -> Study:
    """The study with other values of some keys, every name in it resolved.

    Raises:
        UsageError: a key is unknown, or a value does not fit.
    """
    overrides = [f"{key}={json.dumps(value)}" for key, value in values.items()]
    changed = make_study(apply_overrides(to_dict(study), overrides))
    check_names(changed)
    return changed


def value_of(study: Study, key: str) -> Any:
    """The study's own value of a key, a method's default where its entry leaves it out."""
    here: Any = to_dict(study)
    for part in key.split("."):
        if isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        elif isinstance(here, dict) and part in here:
            here = here[part]
        else:
            return _default(study, key)
    return _default(study, key) if here is None else here


def with_one_method(
    study: Study, position: int, *, seeds: Sequence[int], name: str | None = None
) -> Study:
    """The study with one method, trained with ``seeds``, and nothing else to ask or compare."""
    entry = study.methods[position]
    model = model_card(study, entry.model).name
    return study.model_copy(
        update={
            "models": Models(base=None, instruct=None),
            "methods": [entry.model_copy(update={"model": model, "id": name or entry.id})],
            "training": study.training.model_copy(update={"seeds": list(seeds)}),
            "evaluation": study.evaluation.model_copy(update={"baselines": []}),
            "tokenizers": [],
            "generation": None,
            "conversations": [],
            "claims": [],
        }
    )


def deciding(study: Study, position: int) -> dict[str, Any]:
    """All that decides what the method at ``position`` learns and how it answers."""
    entry = study.methods[position]
    return {
        "prompt": study.prompt.model_dump(),
        "model": model_card(study, entry.model).name,
        "method": entry.name,
        "settings": method_settings(entry, position).model_dump(),
        "learning_rate": learning_rate(study, entry),
        "training": study.training.model_dump(exclude={"seeds", "tracking", "learning_rate"}),
        "evaluation": study.evaluation.model_dump(
            include={"modes", "max_new_tokens", "normalize", "calibrate"}
        ),
    }


def check_space(study: Study, position: int, axes: Sequence[Axis]) -> None:
    """Refuse keys that do not exist or do nothing, and values that do not fit.

    Raises:
        UsageError: the message names the key.
    """
    for axis in axes:
        if axis.key.split(".")[0] in {"data", "seed"}:
            raise UsageError(
                f"space: {axis.key} decides which rows there are, and trials are compared on the "
                "same rows; search other keys."
            )
        found = []
        for value in edges(axis):
            try:
                found.append(deciding(with_values(study, {axis.key: value}), position))
            except UsageError as error:
                raise UsageError(f"space: {axis.key}: {error}") from None
        if all(one == found[0] for one in found):
            hint = (
                f"; it has a learning rate of its own: methods.{position}.learning_rate"
                if axis.key == "training.learning_rate"
                else ""
            )
            raise UsageError(
                f"space: {axis.key} changes nothing of what {method_ids(study)[position]} learns "
                f"or answers{hint}."
            )


def check_edges(study: Study, position: int, axes: Sequence[Axis]) -> None:
    """Refuse ranges and choices that the model cannot have, before any weights are read.

    Raises:
        UsageError: the message names the key.
    """
    for axis in axes:
        for value in edges(axis):
            changed = with_values(study, {axis.key: value})
            try:
                check_feasible(with_one_method(changed, position, seeds=[0]))
            except UsageError as error:
                raise UsageError(f"space: {axis.key}={json.dumps(value)}: {error}") from None


def _default(study: Study, key: str) -> Any:
    """What a method takes for a key of its entry that stands nowhere, else None."""
    parts = key.split(".")
    if len(parts) != 3 or parts[0] != "methods" or not parts[1].isdecimal():
        return None
    position = int(parts[1])
    if position >= len(study.methods):
        return None
    entry = study.methods[position]
    if parts[2] == "learning_rate":
        return learning_rate(study, entry)
    return method_settings(entry, position).model_dump().get(parts[2])
