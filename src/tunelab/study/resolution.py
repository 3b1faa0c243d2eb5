"""Resolve every name of a study before any work is done."""

import re
from collections import Counter
from importlib.util import find_spec
from typing import Any

from tunelab import registry
from tunelab.classifiers.chosen_training import EPOCHS, RATES, Candidates, values_of
from tunelab.classifiers.registered import find_classifier
from tunelab.config import Claim, MethodEntry, Study, Training
from tunelab.data.sources import source_kind
from tunelab.errors import UsageError
from tunelab.generation.comparison import MEASURES
from tunelab.generation.conversation_file import read_conversation
from tunelab.generation.endpoint.model import is_endpoint, open_endpoint
from tunelab.generation.open_prompts import plain_prompts, read_prompts
from tunelab.guards.validation import validated
from tunelab.methods.contract import Method, find_method
from tunelab.models.catalog import ModelCard
from tunelab.models.kinds import find_language_model

ROLES = ("base", "instruct")
# What a study's numbers add to a name: a training seed, or how many examples are shown.
_SEED = re.compile(r"-seed[0-9]+$")
_WORDING = re.compile(r"-wording[0-9]+$")
_TOP = re.compile(r"-top-[0-9]+$")
_SHOTS = re.compile(r"base-[0-9]+-shot")

# What transformers reports to, and the package that each needs.
TRACKERS = {
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "mlflow": "mlflow",
    "comet_ml": "comet_ml",
    "clearml": "clearml",
    "dvclive": "dvclive",
    "neptune": "neptune",
    "swanlab": "swanlab",
    "trackio": "trackio",
    "codecarbon": "codecarbon",
}


def check_names(study: Study) -> None:
    """Resolve models, methods, their settings, the data source, trackers, classifiers and claims.

    Raises:
        UsageError: a name is unknown; the near matches are named.
    """
    source_kind(study.data.source)
    for role in ROLES:
        name = getattr(study.models, role)
        if name is not None:
            find_language_model(name)
    for position, entry in enumerate(study.methods):
        method_settings(entry, position)
        model_card(study, entry.model)
    _check_classifiers(study)
    _check_budget(study)
    _check_wordings(study)
    if study.tokenizers:
        from tunelab.tokenizers.catalog import find as find_tokenizer

        for name in study.tokenizers:
            find_tokenizer(name)
    _check_generation(study)
    for position, claim in enumerate(study.claims):
        _check_claim(study, claim, position)
    _check_decision(study)
    for name in study.training.tracking:
        registry.check_name("tracker", name, TRACKERS)
        _check_installed(name, TRACKERS[name])


def classifier_entries(study: Study) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, kind and settings of each classifier that is no language model, in the study's order.

    ``evaluation.baselines`` names kinds with their default settings.
    """
    return [
        *((name, name, {}) for name in study.evaluation.baselines),
        *((entry.name, entry.use or entry.name, entry.settings) for entry in study.classifiers),
    ]


def _check_classifiers(study: Study) -> None:
    """Resolve the classifiers, and see that no name stands twice or cannot name a folder."""
    methods = method_ids(study)
    twice = [name for name, count in Counter(methods).items() if count > 1]
    if twice:
        raise UsageError(f"two methods are called {twice[0]!r}; give one another id.")
    named = [name for name, _, _ in classifier_entries(study)]
    twice = [name for name, count in Counter(named).items() if count > 1]
    if twice:
        raise UsageError(
            f"two classifiers have the name {twice[0]!r} (names of evaluation.baselines count "
            "too); rename one."
        )
    for name in named:
        if name in ROLES or _SHOTS.fullmatch(name) or _SEED.search(name):
            raise UsageError(
                f"the name {name!r} is reserved for models and seeds; choose another name for the "
                "classifier."
            )
    for name in methods:
        if name in ROLES or name in named:
            raise UsageError(f"a method cannot be called {name!r}, as a model is; change its id.")
    for name in (*methods, *named):
        if not name.replace("-", "").replace("_", "").isalnum() or len(name) > 100:
            raise UsageError(f"the name {name[:200]!r} must be letters, digits, '-' and '_'.")
    for name in study.evaluation.baselines:
        registry.check_name("classifier", name, registry.CLASSIFIERS)
        if _may_need_settings(name):
            try:
                find_classifier(name).check({}, "")
            except UsageError as error:
                raise UsageError(
                    f"evaluation.baselines names {name!r}, which has settings that must be named "
                    f"({str(error).rstrip('.')}); name it under classifiers, with its settings."
                ) from None
    for position, entry in enumerate(study.classifiers):
        use = entry.use or entry.name
        if entry.settings or _may_need_settings(use):
            find_classifier(use).check(entry.settings, f"classifiers.{position}.")


def _check_budget(study: Study) -> None:
    """Resolve the classifiers of the label budget; whether each one trains is seen later."""
    known = [*method_ids(study), *(name for name, _, _ in classifier_entries(study))]
    for name in (study.budget and study.budget.classifiers) or ():
        if name in ROLES:
            raise UsageError(
                f"budget.classifiers names {name}, which is asked and not trained: it is compared "
                "with the others without being named; name a method or a classifier that is "
                "trained."
            )
        group = _SEED.sub("", name)
        if group != name and group in known:
            raise UsageError(
                f"budget.classifiers names {name}; name {group}, as each draw has a seed of its "
                "own."
            )
        registry.check_name("classifier of the label budget", name, known)


def _check_wordings(study: Study) -> None:
    """See that each wording is another, and that something reads them."""
    if not study.prompt.variants:
        return
    wordings = [study.prompt.system, *study.prompt.variants]
    if len(set(wordings)) < len(wordings):
        raise UsageError("prompt.variants holds a wording twice, or that of prompt.system.")
    named = [(name, use) for name, use, _ in classifier_entries(study)]
    models = any(getattr(study.models, role) for role in ROLES)
    if not (study.methods or models or any(find_classifier(use).prompted for _, use in named)):
        raise UsageError(
            "prompt.variants needs a model that reads a prompt: name models, methods, or a "
            "classifier that is asked."
        )
    for name in (*method_ids(study), *(name for name, _ in named)):
        if _WORDING.search(name):
            raise UsageError(
                f"the name {name!r} is reserved for a wording of the prompt; choose another."
            )


def _may_need_settings(use: str) -> bool:
    """Whether a kind must be checked that was named without settings.

    A function that makes a scikit-learn classifier needs none, and takes seconds to import.
    """
    return registry.CLASSIFIERS.get(use, ":KIND").endswith(":KIND")


def method_of(entry: MethodEntry) -> Method[Any]:
    """The method of an entry.

    Raises:
        UsageError: there is none of that name.
    """
    return find_method(entry.name)


def method_settings(entry: MethodEntry, position: int = 0) -> Any:
    """The settings of a method's entry, checked by the method.

    Raises:
        UsageError: an unknown setting, or a value of the wrong type.
    """
    return validated(method_of(entry).Settings, entry.settings, prefix=f"methods.{position}.")


def method_ids(study: Study) -> list[str]:
    """What the results call each method."""
    return [entry.called for entry in study.methods]


def model_card(study: Study, name: str) -> ModelCard:
    """The card of a role (base, instruct) or of a model's name.

    Raises:
        UsageError: the study has no model of that role, or the name is unknown or an encoder's.
    """
    if name not in ROLES:
        return find_language_model(name)
    chosen = getattr(study.models, name)
    if chosen is None:
        raise UsageError(f"a method uses model={name}, but models.{name} is null.")
    return find_language_model(chosen)


def learning_rate(study: Study, entry: MethodEntry) -> float:
    """The entry's own learning rate, else the method's, else the study's.

    Of several to choose from it is the first.
    """
    return candidates_of(study, entry).rates[0]


def candidates_of(study: Study, entry: MethodEntry) -> Candidates:
    """The learning rates and epochs of an entry, one of each where nothing is chosen."""
    rate = float(method_of(entry).learning_rate or study.training.learning_rate)
    return Candidates(
        values_of(entry.learning_rate, rate, RATES),
        values_of(entry.epochs, study.training.epochs, EPOCHS),
    )


def training_of(study: Study, entry: MethodEntry) -> Training:
    """The study's settings of training with the entry's own epochs."""
    return study.training.model_copy(update={"epochs": candidates_of(study, entry).epochs[0]})


def claim_sides(study: Study) -> list[str]:
    """Every name that a claim may compare by what models answered or how they were trained.

    A name of another study, such as a method that this one leaves out, is among them: its claim
    is then undecided, and an override need not take claims away.
    """
    own = [*method_ids(study), *(name for name, _, _ in classifier_entries(study))]
    methods = [name for one in registry.METHODS for name in (one, f"{one}-head")]
    return list(dict.fromkeys([*ROLES, *own, *registry.CLASSIFIERS, *methods]))


def open_models(study: Study) -> dict[str, str]:
    """What answers open prompts: the name in the results, and the model's."""
    roles = {role: getattr(study.models, role) for role in ROLES}
    further = study.generation.models if study.generation else []
    return {name: model for name, model in roles.items() if model} | {one: one for one in further}


def _check_generation(study: Study) -> None:
    for name in study.conversations:
        read_conversation(name)
    if study.conversations and not any(getattr(study.models, role) for role in ROLES):
        raise UsageError("conversations need a model: name models.instruct or models.base.")
    if study.generation is None:
        return
    for name in open_models(study).values():
        if is_endpoint(name):
            open_endpoint(name)
        else:
            find_language_model(name)
    prompts = study.generation.prompts
    if isinstance(prompts, str):
        read_prompts(prompts)
    else:
        plain_prompts(prompts, "generation.prompts")
    if not open_models(study):
        raise UsageError("generation needs a model: name models.base, or generation.models.")


def _check_decision(study: Study) -> None:
    from tunelab.evaluation.metrics import all_metrics

    labels = [name for name, metric in all_metrics().items() if metric.reads == "labels"]
    registry.check_name("metric of a decision", study.decision.metric, labels)


def _check_claim(study: Study, claim: Claim, position: int) -> None:
    from tunelab.study.judging.claim_metrics import claim_metrics
    from tunelab.tokenizers.sentence_tokens import TOKENS

    registry.check_name("metric of a claim", claim.metric, claim_metrics())
    if claim.metric == TOKENS:
        if not isinstance(claim.right, str):
            raise UsageError(f"claims.{position}.right must name a tokenizer, not a number.")
        from tunelab.tokenizers.catalog import find as find_tokenizer
        from tunelab.tokenizers.parallel import LANGUAGES

        find_tokenizer(claim.left)
        find_tokenizer(claim.right)
        registry.check_name("language of a claim", claim.language, LANGUAGES)
        return
    known = claim_sides(study)
    if claim.metric in MEASURES:
        known = list(dict.fromkeys([*ROLES, *open_models(study)]))
    for side in (claim.left, claim.right):
        if isinstance(side, str) and not _SHOTS.fullmatch(side):
            bare = _SEED.sub("", side)
            # A method in the top layers may be left out as any other (see claim_sides).
            if _TOP.sub("", bare) not in registry.METHODS:
                registry.check_name("side of a claim", bare, known)
    if claim.relation == "about" and not claim.margin:
        raise UsageError(
            f"claims.{position} says about, so it needs a margin: how much is still about the same."
        )


def _check_installed(name: str, package: str) -> None:
    if find_spec(package) is None:
        raise UsageError(
            f"training.tracking names {name}, which is not installed: pip install {package}."
        )
