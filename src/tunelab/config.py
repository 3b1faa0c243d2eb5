"""The study: what to do, as a YAML file and as data classes that check it.

Every key has a type, a default and a one-line description; the reference in the documentation is
generated from here. Names of models, methods and sources are resolved elsewhere, since that takes
the registry: see :mod:`tunelab.study.resolution`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from tunelab.guards.validation import validated

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmg]?b)", re.IGNORECASE)
_UNITS = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9}


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _text_only(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a text; put it in quotes")
    return value


def _candidates(value: Any) -> Any:
    """Numbers to choose from, each above 0 and another."""
    if not isinstance(value, list):
        return value
    numbers = [one for one in value if isinstance(one, int | float) and not isinstance(one, bool)]
    if not value or len(set(numbers)) < len(value) or min(numbers) <= 0:
        raise ValueError("must list different numbers above 0 to choose from")
    return value


def _bytes(value: Any) -> Any:
    """A number of bytes, also as a text such as 1.5GB (10⁹ bytes) or 200 MB."""
    if not isinstance(value, str):
        return _no_boolean(value)
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError("must be a number of bytes, or one with kB, MB or GB behind it")
    return float(found[1]) * _UNITS[found[2].lower()]


Integer = Annotated[int, BeforeValidator(_no_boolean)]
Number = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Text = Annotated[str, BeforeValidator(_text_only)]
Bytes = Annotated[float, BeforeValidator(_bytes), Field(gt=0, allow_inf_nan=False)]
Count = Annotated[Integer, Field(ge=1, le=10**9)]
Size = Count | Literal["all"]
# A setting of a training: a number, or chosen on a part of the training rows, among a list of one's
# own or among multiples of the default.
Positive = Annotated[Number, Field(gt=0)]
Candidate = Annotated[Positive | Literal["choose"] | list[Positive], BeforeValidator(_candidates)]
Mode = Literal["generate", "score"]
AnswersWith = Literal["words", "head"]
# What a row of each label weighs in the loss; Sampling: which rows an epoch has.
ClassWeights = Literal["balanced"] | dict[Text, Annotated[Number, Field(gt=0, le=1e6)]] | None
Sampling = Literal["as they are", "balanced"]
Fault = Literal["repeated", "conflicting", "shared"]
Scheduler = Literal[
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
]


def _both_modes() -> list[Mode]:
    return ["generate", "score"]


def _all_faults() -> list[Fault]:
    return ["repeated", "conflicting", "shared"]


class Section(BaseModel):
    """A part of a study. Unknown keys are refused and values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sample(Section):
    """Rows of each split, drawn with the class proportions kept."""

    train: Size = Field("all", description="training rows, or all")
    validation: Size = Field("all", description="rows that early stopping watches, or all")
    test: Size = Field("all", description="rows that the comparison is made on, or all")


class Data(Section):
    """Where the labelled text comes from."""

    source: Text = Field(
        "starter", description="starter, a file, a folder, or a data set on the Hub"
    )
    text: Text = Field("text", description="column that holds the text")
    label: Text = Field("label", description="column that holds the label")
    group: Text | None = Field(
        None,
        description="column that tells which rows belong together, such as author: they stay in "
        "one split, and intervals and tests count groups; null: all rows are independent",
    )
    slices: Annotated[list[Text], Field(max_length=20)] = Field(
        default_factory=list,
        description="what divides the test rows into parts with scores of their own: columns, "
        "length, script",
    )
    sample: Sample = Field(default_factory=Sample)
    drop: list[Fault] = Field(
        default_factory=_all_faults,
        description="faulty training rows to leave out: repeated, conflicting, shared",
    )


class Prompt(Section):
    """What a model is asked. The same prompt is used in training and in evaluation."""

    system: Text = Field(
        "Classify the text. Answer with exactly one of these labels and nothing else: {labels}.",
        description="the instruction; {labels} becomes the names of the labels",
    )
    descriptions: dict[Text, Text] = Field(
        default_factory=dict,
        description="what labels mean, {label: text}: a line for each, where system has "
        "{descriptions}, or else below it",
    )
    style: Literal["chat", "plain"] = Field(
        "chat", description="chat: the model's own template; plain: text alone, as for base models"
    )
    max_length: Annotated[Integer, Field(ge=8, le=10**7)] = Field(
        256, description="tokens of a row at most; longer texts are cut at their end"
    )
    variants: Annotated[list[Text], Field(max_length=20)] = Field(
        default_factory=list,
        description="other wordings of system: models that read a prompt are asked, and methods "
        "trained, under each of them too",
    )

    @property
    def decides(self) -> dict[str, Any]:
        """What decides the answers under the first wording, as values of a stage's key."""
        return self.model_dump(exclude={"variants"})


class Models(Section):
    """The two models that are compared before any fine-tuning."""

    base: Text | None = Field("gemma-3-270m", description="a base model, or null for none")
    instruct: Text | None = Field(
        "smollm2-135m-instruct", description="an instruction-tuned model, or null for none"
    )


class MethodEntry(BaseModel):
    """One way to adapt a model. The method's own settings stand beside these keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Text = Field(description="the method: full, lora, dora, ia3, ...; see methods/")
    id: Text | None = Field(
        None,
        description="what the results call it; by default the name, and NAME-head with a head",
    )
    model: Text = Field("instruct", description="base, instruct, or the name of a model")
    answers: AnswersWith = Field(
        "words",
        description="words: the model writes the label; head: a linear layer on the last token "
        "gives a score for each label",
    )
    learning_rate: Candidate | None = Field(
        None,
        description="this method's own, instead of the study's; choose, or a list: chosen on a "
        "part of the training rows",
    )
    epochs: Candidate | None = Field(
        None,
        description="this method's own, instead of the study's; choose, or a list: chosen on a "
        "part of the training rows",
    )

    @property
    def called(self) -> str:
        """What the results call it."""
        return self.id or self.name + ("-head" if self.answers == "head" else "")

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that only this method knows."""
        return dict(self.model_extra or {})


class ClassifierEntry(BaseModel):
    """A classifier beside the models and methods. Its own settings stand beside these keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Text = Field(description="what the results call it")
    use: Text | None = Field(
        None,
        description="the kind: majority, tfidf-svm, tfidf-logistic, tfidf-characters, embedding, "
        "setfit, encoder, asked, entailment, hosted, one of a plug-in, or package.module:function "
        "that makes a scikit-learn classifier; the name by default",
    )

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that only this kind of classifier knows."""
        return dict(self.model_extra or {})


class EarlyStopping(Section):
    """When training ends before its last epoch."""

    metric: Literal["eval_loss", "eval_perplexity"] = Field(
        "eval_loss", description="what must go on falling: eval_loss or eval_perplexity"
    )
    patience: Count = Field(4, description="evaluations without a better value before the end")
    min_delta: Annotated[Number, Field(ge=0)] = Field(
        0.0, description="smallest fall that counts as better"
    )


class Training(Section):
    """How a method is trained."""

    seeds: Annotated[list[Integer], Field(min_length=1, max_length=1000)] = Field(
        default_factory=lambda: [42], description="one training run for each"
    )
    epochs: Annotated[Number, Field(gt=0)] = Field(3.0, description="passes over the rows")
    batch_size: Count = Field(
        16, description="rows of a batch, which several processes divide among them"
    )
    batch_tokens: Count | None = Field(
        None, description="tokens of a batch at most, in place of batch_size"
    )
    gradient_accumulation: Count = Field(1, description="batches in an optimizer step")
    learning_rate: Annotated[Number, Field(gt=0)] = Field(1e-3, description="highest learning rate")
    scheduler: Scheduler = Field("cosine", description="transformers' name of the schedule")
    warmup: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.05, description="share of the steps in which the learning rate rises"
    )
    weight_decay: Annotated[Number, Field(ge=0)] = Field(0.0, description="AdamW's weight decay")
    max_grad_norm: Annotated[Number, Field(gt=0)] = Field(
        1.0, description="gradients are scaled down to this norm"
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: what the device runs fast"
    )
    evaluate_every: Annotated[Number, Field(gt=0)] = Field(
        0.5, description="epochs between two evaluations, and two checkpoints"
    )
    early_stopping: EarlyStopping | None = Field(
        default_factory=EarlyStopping, description="null: train to the last epoch"
    )
    packing: bool = Field(
        True, description="run the rows of a batch as one sequence, without padding"
    )
    shared_prefix: bool = Field(
        True, description="run the tokens that all rows begin with once a batch; needs packing"
    )
    fused: bool | Literal["auto"] = Field(
        "auto", description="layers in fused form, to the same result; auto: on a CPU"
    )
    class_weights: ClassWeights = Field(
        None,
        description="what a row weighs in the loss by its label: balanced, or {label: weight}, 1 "
        "for others; null: all alike",
    )
    sampling: Sampling = Field(
        "as they are",
        description="rows of an epoch: as they are, or balanced: as many, drawn so that each label "
        "has the same number",
    )
    tracking: list[Text] = Field(
        default_factory=lambda: ["tensorboard"], description="transformers' report_to names"
    )

    def key(self, *, exclude: set[str]) -> dict[str, Any]:
        """What decides the outcome of a training, without what is set elsewhere.

        Weights and sampling are in it only where they are set: what was trained before they were
        there stays valid.
        """
        later = {"class_weights", "sampling"}
        unset = {
            name for name in later if getattr(self, name) == type(self).model_fields[name].default
        }
        return self.model_dump(exclude={*exclude, *unset})

    @model_validator(mode="after")
    def _one_measure_of_a_batch(self) -> "Training":
        if self.sampling == "balanced" and self.batch_tokens is not None:
            raise ValueError(
                "sampling=balanced draws other rows for each epoch, which batch_tokens cannot "
                "divide; use batch_size instead"
            )
        return self

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("names a seed twice")
        if any(not 0 <= seed < 2**32 for seed in seeds):
            raise ValueError("must hold seeds from 0 to 4294967295")
        return seeds


class Evaluation(Section):
    """How models answer the test rows."""

    modes: Annotated[list[Mode], Field(min_length=1)] = Field(
        default_factory=_both_modes,
        description="generate: parse the label from the answer; score: take the likeliest label; "
        "the first gives the scores that models are compared by",
    )
    max_new_tokens: Annotated[Count, Field(le=10**6)] | None = Field(
        None,
        description="tokens of an answer at most; null: as many as the longest label needs, and "
        "some more for a model that was not fine-tuned",
    )
    batch_size: Count = Field(128, description="rows that are asked together")
    normalize: Literal["sum", "mean"] = Field(
        "sum", description="a label's score: the sum over its tokens, or their mean"
    )
    calibrate: bool = Field(
        False, description="score labels relative to an empty text (contextual calibration)"
    )
    shots: Annotated[Integer, Field(ge=0, le=10**4)] = Field(
        0, description="training rows shown in the prompt when the base model is asked once more"
    )
    resamples: Annotated[Integer, Field(ge=100, le=10**6)] = Field(
        5000, description="bootstrap samples behind the intervals of F1"
    )
    facts_seconds: Annotated[Number, Field(ge=0, le=10**6)] = Field(
        5.0,
        description="seconds in which speed and memory of each classifier are measured once it "
        "has answered, or somewhat more; 0: not at all",
    )
    forgetting: bool = Field(
        False,
        description="read plain English and answer simple prompts with each fine-tuned language "
        "model and with its model before, to see what it forgot",
    )
    drift_reference: bool = Field(
        True,
        description="keep with each fitted classifier what predict compares new texts with: hashed "
        "words of up to 1,000 training texts, and the confusion matrix on the test rows",
    )
    baselines: list[Text] = Field(
        default_factory=lambda: ["majority", "tfidf-svm"],
        description="classifiers with their default settings: majority, tfidf-svm, tfidf-logistic, "
        "tfidf-characters, embedding, setfit, encoder",
    )


class Generation(Section):
    """Open prompts that models answer side by side."""

    prompts: Text | list[Text] = Field(
        "checkable", description="checkable, a file of prompts, or a list of them"
    )
    models: list[Text] = Field(
        default_factory=list,
        description="further models: names, folders, or http://HOST:PORT/v1#MODEL",
    )
    temperatures: Annotated[list[Annotated[Number, Field(ge=0)]], Field(min_length=1)] = Field(
        default_factory=lambda: [0.0, 0.7, 1.0],
        description="each is tried; claims speak of the first",
    )
    samples: Annotated[Count, Field(le=10**4)] = Field(
        3, description="answers to a prompt at each temperature but 0"
    )
    max_new_tokens: Annotated[Count, Field(le=10**6)] = Field(
        64, description="tokens of an answer at most"
    )
    top_k: Annotated[Integer, Field(ge=0)] = Field(0, description="the likeliest tokens, 0 for all")
    top_p: Annotated[Number, Field(gt=0, le=1)] = Field(
        1.0, description="the likeliest tokens that hold this share together"
    )
    min_p: Annotated[Number, Field(ge=0, le=1)] = Field(
        0.0, description="tokens of at least this share of the likeliest one's probability"
    )
    repetition_penalty: Annotated[Number, Field(gt=0)] = Field(
        1.0, description="above 1: what was said becomes less likely"
    )


class Claim(Section):
    """A statement that the report tests: left has more, less or about as much as right."""

    claim: Text = Field(description="the statement in words")
    metric: Text = Field(description="what is compared, such as accuracy or answer_tokens")
    left: Text = Field(description="a model, method, baseline or tokenizer of the study")
    right: Text | Number = Field(description="another, or a number")
    relation: Literal["more", "less", "about"] = Field(
        "more", description="what left is said to have, compared with right"
    )
    margin: Annotated[Number, Field(ge=0)] = Field(
        0.0, description="the smallest difference that matters"
    )
    language: Text = Field("en", description="of the sentences, where the metric is tokens")
    compares: Literal["training", "models"] = Field(
        "training",
        description="what a claim on a base and an instruction-tuned model speaks of: what "
        "training changed, which two families cannot show, or the two models as they are",
    )


class DecisionSettings(Section):
    """How the study decides which classifier to take."""

    metric: Text = Field(
        "accuracy", description="what the classifiers are compared in: a metric that reads labels"
    )


class Constraints(Section):
    """What the classifier to take may cost; null: no limit."""

    milliseconds: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="milliseconds for one text, the median, at most"
    )
    train_seconds: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="seconds of its training at most"
    )
    bytes: Bytes | None = Field(
        None, description="bytes on disk at most, those of a model that it reads included: 200MB"
    )
    memory: Bytes | None = Field(
        None, description="bytes of memory at most, to open it and to answer: 1GB"
    )
    price_per_1000: Annotated[Number, Field(ge=0)] | None = Field(
        None,
        description="what a provider is paid for a thousand answers at most, in the currency of "
        "the classifiers' prices",
    )


_BUDGET_SIZES: tuple[Size, ...] = (8, 16, 32, 64, 128, "all")


class Budget(Section):
    """From how many labelled rows fine-tuning pays: trainings on nested draws of several sizes."""

    per_class: Annotated[list[Size], Field(min_length=1, max_length=50)] = Field(
        default_factory=lambda: [*_BUDGET_SIZES],
        description="rows of each label that a draw has, in ascending order; all: every training "
        "row, in one draw",
    )
    draws: Annotated[Count, Field(le=1000)] = Field(
        10, description="draws of each size; the draw of a smaller size is a part of a larger one"
    )
    classifiers: Annotated[list[Text], Field(min_length=1)] | None = Field(
        None, description="names of classifiers and methods of the study; null: all that train"
    )
    stop: Literal["all", "decided"] = Field(
        "all",
        description="all: every training; decided: only those on which an answer still depends",
    )
    margin: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.01, description="the difference of accuracy that counts as about the same for decided"
    )

    @field_validator("per_class")
    @classmethod
    def _sizes_ascend(cls, sizes: list[Size]) -> list[Size]:
        numbers = [size for size in sizes if size != "all"]
        if sizes != sorted(set(numbers)) + ["all"] * ("all" in sizes):
            raise ValueError("must ascend, each size once and all at the end")
        return sizes

    @field_validator("classifiers")
    @classmethod
    def _classifiers_differ(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and len(set(names)) != len(names):
            raise ValueError("names a classifier twice")
        return names


class ReviewSettings(Section):
    """Which answers a person should look at."""

    accuracy: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.95, description="wanted share of right answers among those that no person looks at"
    )
    coverage: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.9, description="wanted share of label sets that hold the true label"
    )


class Study(Section):
    """What to do, from the data to the report."""

    name: Text = Field("study", description="names the run folder and the report")
    seed: Annotated[Integer, Field(ge=0, lt=2**32)] = Field(
        42, description="decides every draw but those of training"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="auto: cuda, then mps, then cpu"
    )
    data: Data = Field(default_factory=Data)
    prompt: Prompt = Field(default_factory=Prompt)
    models: Models = Field(default_factory=Models)
    tokenizers: list[Text] = Field(
        default_factory=list, description="tokenizers that the report compares on parallel text"
    )
    methods: list[MethodEntry] = Field(
        default_factory=lambda: [MethodEntry(name="lora")],
        description="ways to adapt a model; each is trained with each seed",
    )
    classifiers: list[ClassifierEntry] = Field(
        default_factory=list,
        description="further classifiers that are fitted to the same rows and compared",
    )
    training: Training = Field(default_factory=Training)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    budget: Budget | None = Field(
        None, description="null: every classifier is trained on all training rows alone"
    )
    generation: Generation | None = Field(None, description="null: no open prompts")
    conversations: list[Text] = Field(
        default_factory=list,
        description="conversations that are played with and without the template: names or files",
    )
    claims: list[Claim] = Field(
        default_factory=list, description="statements that the report gives a verdict on"
    )
    decision: DecisionSettings = Field(default_factory=DecisionSettings)
    constraints: Constraints = Field(default_factory=Constraints)
    review: ReviewSettings | None = Field(
        default_factory=ReviewSettings,
        description="when to ask a person: classifiers with probabilities answer the validation "
        "rows too; null: not at all",
    )
    disclosure: Text = Field("", description="printed in the report: which help was used")

    @field_validator("name")
    @classmethod
    def _name_is_a_plain_word(cls, name: str) -> str:
        plain = name.replace("-", "").replace("_", "").replace(".", "")
        if not plain.isalnum() or name.startswith(".") or len(name) > 100:
            raise ValueError("must be letters, digits, '-', '_' and '.', as it names a folder")
        return name


def fingerprint(value: Any, *, length: int = 64) -> str:
    """SHA-256 of a JSON value, written with sorted keys, as ``length`` hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def make_study(values: Mapping[str, Any]) -> Study:
    """Check nested dictionaries and return the study.

    Raises:
        UsageError: an unknown key, with the near matches, or a value of the wrong type.
    """
    return validated(Study, values)


def to_dict(study: Study) -> dict[str, Any]:
    """The study as plain values, every default written out."""
    return study.model_dump(mode="json")


def to_yaml(study: Study) -> str:
    """The study as YAML, every default written out, with its hash in the first line."""
    values = to_dict(study)
    body = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return f"# hash: {fingerprint(values)}\n{body}"
