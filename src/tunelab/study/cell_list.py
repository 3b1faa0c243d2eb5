"""Which cells a study has: its classifiers, asked models and methods, with each training seed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tunelab.classifiers.asked import AskedModel
from tunelab.classifiers.contract import Context, Estimator
from tunelab.classifiers.examples import ExampleSettings
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.tuned import TunedModel
from tunelab.config import MethodEntry, Study
from tunelab.errors import UsageError
from tunelab.runs.results import ADAPTERS, WORDINGS
from tunelab.study.cells import Cell
from tunelab.study.resolution import (
    candidates_of,
    classifier_entries,
    learning_rate,
    method_settings,
    model_card,
    training_of,
)
from tunelab.training.class_weights import class_weights


def cells_of(study: Study) -> list[Cell]:
    """All cells of a study, in the order in which they are run and shown."""
    context = _context(study)
    return [
        *_classifier_cells(study, context),
        *(Cell(one.name, one, study.seed) for one in _asked(study, context)),
        *tuned_cells(study),
        *_cells_of_other_wordings(study),
    ]


def _cells_of_other_wordings(study: Study) -> Iterator[Cell]:
    """What reads a prompt, once more for each other wording; methods are trained under it."""
    for number, wording in enumerate(study.prompt.variants, start=2):
        prompt = study.prompt.model_copy(update={"system": wording, "variants": []})
        other = study.model_copy(update={"prompt": prompt})
        context = _context(other)
        cells = [
            *_classifier_cells(other, context, prompted=True),
            *(Cell(one.name, one, other.seed) for one in _asked(other, context)),
            *tuned_cells(other, kept_in=WORDINGS),
        ]
        for cell in cells:
            name = f"{cell.name}-wording{number}"
            yield replace(cell, name=name, wording=number, of=cell.name)


def _classifier_cells(study: Study, context: Context, *, prompted: bool = False) -> Iterator[Cell]:
    """Those of the study's classifiers; one for each training seed where chance decides.

    ``prompted``: only those that read the instruction.
    """
    for name, use, settings in classifier_entries(study):
        kind = find_classifier(use)
        if prompted and not kind.prompted:
            continue
        estimator = kind.make(settings, context)
        if not kind.seeded:
            yield Cell(name, estimator, study.seed, stops=kind.stops(settings))
            continue
        for seed in study.training.seeds:
            yield Cell(_seeded_name(study, name, seed), estimator, seed, group=name)


def _seeded_name(study: Study, group: str, seed: int) -> str:
    return group + (f"-seed{seed}" if len(study.training.seeds) > 1 else "")


def tuned_cells(study: Study, *, kept_in: str = ADAPTERS) -> list[Cell]:
    """The cells of the study's methods, one for each training seed."""
    context = _context(study)
    return [
        Cell(name, _tuned(study, entry, context, name=name, seed=seed, kept_in=kept_in), seed)
        for entry in study.methods
        for seed in study.training.seeds
        for name in [_seeded_name(study, entry.called, seed)]
    ]


def _tuned(
    study: Study,
    entry: MethodEntry,
    context: Context,
    *,
    name: str,
    seed: int,
    kept_in: str = ADAPTERS,
) -> TunedModel:
    candidates = candidates_of(study, entry)
    return TunedModel(
        name=name,
        group=entry.called,
        model=model_card(study, entry.model).name,
        method=entry.name,
        settings=method_settings(entry),
        learning_rate=learning_rate(study, entry),
        seed=seed,
        answers=entry.answers,
        prompt=study.prompt,
        training=training_of(study, entry),
        evaluation=study.evaluation,
        context=context,
        candidates=candidates if candidates.number > 1 else None,
        kept_in=kept_in,
    )


def estimators(study: Study, *, seed: int) -> dict[str, Estimator]:
    """Each classifier and method of a study by its name, before it is fitted with a seed.

    The models that are asked as they are have no entry.
    """
    context = _context(study)
    return {
        **{
            name: find_classifier(use).make(settings, context)
            for name, use, settings in classifier_entries(study)
        },
        **{
            entry.called: _tuned(study, entry, context, name=entry.called, seed=seed)
            for entry in study.methods
        },
    }


def check_classifiers(study: Study, labels: Sequence[str]) -> None:
    """Refuse a classifier of the study that cannot work here or with these labels.

    Raises:
        UsageError: as said, such as an endpoint without its key or a weight of an unknown label.
    """
    context = _context(study)
    class_weights(study.training.class_weights, labels, labels)
    for name, use, settings in classifier_entries(study):
        try:
            kind = find_classifier(use)
            kind.prove(settings, context, labels)
            if study.decision.metric != "accuracy" and kind.stops(settings):
                raise UsageError(
                    "rows of decided compares accuracies, and decision.metric is "
                    f"{study.decision.metric}; leave one of the two out."
                )
            if study.data.group is not None and kind.stops(settings):
                raise UsageError(
                    "rows of decided takes rows as independent, and data.group says which belong "
                    "together; leave one of the two out."
                )
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None


def device_and_dtype(study: Study) -> tuple[str, str]:
    """The device of a study and the type of its weights."""
    context = _context(study)
    return context.device, context.dtype


def _asked(study: Study, context: Context) -> Iterator[AskedModel]:
    """The models that are asked as they are; the base model once more where examples are shown."""
    shots = study.evaluation.shots
    asked = [("base", study.models.base, "base", 0)]
    if shots:
        asked.append((f"base-{shots}-shot", study.models.base, "base", shots))
    asked.append(("instruct", study.models.instruct, "instruct", 0))
    for name, model, role, shown in asked:
        if model is not None:
            yield AskedModel(
                name=name,
                role=role,
                model=model,
                prompt=study.prompt,
                evaluation=study.evaluation,
                context=context,
                training=study.training,
                examples=ExampleSettings(shots=shown),
            )


def _context(study: Study) -> Context:
    return Context(
        study.device, study.training.precision, study.prompt, study.evaluation, study.training
    )
