"""From a setting of a sweep to the study that a trial runs, and whether each key acts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.classifiers.contract import Task
from tunelab.classifiers.registered import find_classifier
from tunelab.config import Models, Study, make_study, to_dict
from tunelab.errors import UsageError
from tunelab.guards.strict_yaml import apply_overrides
from tunelab.registry import check_name
from tunelab.study.cell_list import estimators
from tunelab.study.feasibility import check_feasible
from tunelab.study.resolution import (
    candidates_of,
    check_names,
    learning_rate,
    method_ids,
    method_settings,
    model_card,
    training_of,
)
from tunelab.study.sweeps.space import Axis, edges


@dataclass(frozen=True)
class Searched:
    """The entry of a study that a sweep searches: ``section`` is methods or classifiers."""

    section: str
    position: int

    @property
    def key(self) -> str:
        """The entry's key in the study, such as methods.0."""
        return f"{self.section}.{self.position}"


def find_searched(study: Study, name: str | None) -> Searched:
    """The method or classifier that a sweep searches.

    Raises:
        UsageError: there is none of that name, or several and none is named.
    """
    own = {name: Searched("methods", position) for position, name in enumerate(method_ids(study))}
    own |= {
        entry.name: Searched("classifiers", position)
        for position, entry in enumerate(study.classifiers)
    }
    if not own:
        raise UsageError("the study names no method and no classifier, so nothing can be searched.")
    if name is not None:
        return own[check_name("method or classifier of this study", name, own)]
    if len(own) > 1:
        raise UsageError(f"a sweep searches one method: add --method {' or '.join(own)}.")
    return next(iter(own.values()))


def name_of(study: Study, searched: Searched) -> str:
    """What the study calls the searched entry."""
    if searched.section == "classifiers":
        return study.classifiers[searched.position].name
    return method_ids(study)[searched.position]


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


def with_one_entry(study: Study, searched: Searched, *, seeds: Sequence[int]) -> Study:
    """The study with one entry, trained with ``seeds``, and nothing else to ask or compare."""
    methods, classifiers = [], []
    if searched.section == "classifiers":
        classifiers.append(study.classifiers[searched.position])
    else:
        entry = study.methods[searched.position]
        model = model_card(study, entry.model).name
        methods.append(entry.model_copy(update={"model": model}))
    return study.model_copy(
        update={
            "models": Models(base=None, instruct=None),
            "methods": methods,
            "classifiers": classifiers,
            "training": study.training.model_copy(update={"seeds": list(seeds)}),
            "evaluation": study.evaluation.model_copy(update={"baselines": []}),
            "tokenizers": [],
            "generation": None,
            "conversations": [],
            "claims": [],
            "budget": None,
            "prompt": study.prompt.model_copy(update={"variants": []}),
        }
    )


def deciding(study: Study, searched: Searched) -> dict[str, Any]:
    """All that decides what the searched entry learns and how it answers."""
    if searched.section == "classifiers":
        classifier = study.classifiers[searched.position]
        made = estimators(study, seed=study.seed)[classifier.name]
        kind = find_classifier(classifier.use or classifier.name)
        asked = {"evaluation": _asking(study)} if kind.prompted else {}
        return {
            "use": classifier.use or classifier.name,
            "settings": classifier.settings,
            # The rows are those of all trials.
            "key": {**made.key(Task((), (), (), seed=study.seed)), **made.answer_key()},
            **asked,
        }
    position = searched.position
    entry = study.methods[position]
    # Only where it is no words, so that a sweep of older settings goes on.
    head = {} if entry.answers == "words" else {"answers": entry.answers}
    candidates = candidates_of(study, entry)
    choose = {"choose": vars(candidates)} if candidates.number > 1 else {}
    return {
        **head,
        **choose,
        "prompt": study.prompt.decides,
        "model": model_card(study, entry.model).name,
        "method": entry.name,
        "settings": method_settings(entry, position).model_dump(),
        "learning_rate": learning_rate(study, entry),
        "training": training_of(study, entry).key(exclude={"seeds", "tracking", "learning_rate"}),
        "evaluation": _asking(study),
    }


def _asking(study: Study) -> dict[str, Any]:
    """How a model that reads a prompt is asked."""
    return study.evaluation.model_dump(
        include={"modes", "max_new_tokens", "normalize", "calibrate"}
    )


def check_space(study: Study, searched: Searched, axes: Sequence[Axis]) -> None:
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
                found.append(deciding(with_values(study, {axis.key: value}), searched))
            except UsageError as error:
                raise UsageError(f"space: {axis.key}: {error}") from None
        if all(one == found[0] for one in found):
            hint = _own_key(study, searched, axis.key)
            raise UsageError(
                f"space: {axis.key} changes nothing of what {name_of(study, searched)} learns "
                f"or answers{hint}."
            )


def _own_key(study: Study, searched: Searched, key: str) -> str:
    """The entry's own key for one of the study's training, as a hint; empty where it has none."""
    section, _, name = key.partition(".")
    own = f"{searched.key}.{name}"
    if section != "training" or value_of(study, own) is None:
        return ""
    return f"; it has its own: {own}"


def check_edges(study: Study, searched: Searched, axes: Sequence[Axis]) -> None:
    """Refuse ranges and choices that the model cannot have, before any weights are read.

    Raises:
        UsageError: the message names the key.
    """
    for axis in axes:
        for value in edges(axis):
            changed = with_values(study, {axis.key: value})
            try:
                check_feasible(with_one_entry(changed, searched, seeds=[0]))
            except UsageError as error:
                raise UsageError(f"space: {axis.key}={json.dumps(value)}: {error}") from None


def _default(study: Study, key: str) -> Any:
    """What a method or classifier takes for a key of its entry that it leaves out, else None."""
    parts = key.split(".")
    if len(parts) == 3 and parts[0] == "classifiers" and parts[1].isdecimal():
        entry_position = int(parts[1])
        if entry_position >= len(study.classifiers):
            return None
        classifier = study.classifiers[entry_position]
        return find_classifier(classifier.use or classifier.name).defaults.get(parts[2])
    if len(parts) != 3 or parts[0] != "methods" or not parts[1].isdecimal():
        return None
    position = int(parts[1])
    if position >= len(study.methods):
        return None
    entry = study.methods[position]
    if parts[2] == "learning_rate":
        return learning_rate(study, entry)
    if parts[2] == "epochs":
        return training_of(study, entry).epochs
    # Not its dump, which leaves out what is not named in older studies.
    return dict(method_settings(entry, position)).get(parts[2])
