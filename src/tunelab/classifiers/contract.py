"""The contract of a classifier: what labels texts, before and after it was fitted.

A kind of classifier is one file that ends with ``KIND = ClassifierKind(...)``, or a function that
makes a scikit-learn classifier. Studies, reports and `tunelab predict` know classifiers by these
types alone. Packages of others add kinds by an entry point of the group ``tunelab.classifiers``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tunelab.config import Evaluation, Prompt, Training
from tunelab.data.examples import Example, groups_of
from tunelab.evaluation.predictions import Generated, Given, Likelihoods, Predictions

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Task:
    """What a classifier is fitted for. ``labels``: all labels of the task, in the study's order."""

    train: Sequence[Example]
    validation: Sequence[Example]
    labels: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class LabelScores:
    """How likely each label is after each text, in nats, summed over its tokens.

    ``logprobs``: (texts, labels). ``empty``: (labels,), after an empty text. ``tokens``: (labels,),
    the tokens of each label. ``forced``: (texts, labels), whether every token of the label is the
    likeliest one under teacher forcing.
    """

    logprobs: tuple[tuple[float, ...], ...]
    empty: tuple[float, ...]
    tokens: tuple[int, ...]
    forced: tuple[tuple[bool, ...], ...]

    def against(self, truth: Sequence[str], labels: Sequence[str]) -> Likelihoods:
        """The scores of rows whose true labels are known; ``labels`` names the columns."""
        column = {label: position for position, label in enumerate(labels)}
        return Likelihoods(
            logprobs=self.logprobs,
            empty=self.empty,
            tokens=self.tokens,
            forced=tuple(row[column[label]] for row, label in zip(self.forced, truth, strict=True)),
        )


@dataclass(frozen=True)
class LabelAnswer:
    """The label of one text: ``label``, or None and the ``reason``.

    ``raw`` is the answer in the classifier's own words, None where it writes no text.
    """

    label: str | None
    reason: str | None
    raw: str | None


@dataclass(frozen=True)
class Answers:
    """What a classifier answers to texts: each way of answering that it has, and None for others.

    ``labels`` are the possible ones. ``seconds`` holds what each way took (generate, score or
    label). ``texts_cut`` counts texts that were cut to fit. ``facts`` are further values for the
    record of this asking, as JSON values.
    """

    labels: tuple[str, ...]
    generated: Generated | None = None
    scores: LabelScores | None = None
    given: Given | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    texts_cut: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def against(self, rows: Sequence[Example]) -> Predictions:
        """The answers beside the texts and the true labels of the rows that were asked."""
        truth = tuple(row.label for row in rows)
        return Predictions(
            labels=self.labels,
            texts=tuple(row.text for row in rows),
            truth=truth,
            generated=self.generated,
            likelihoods=None if self.scores is None else self.scores.against(truth, self.labels),
            given=self.given,
            groups=groups_of(rows),
        )


@dataclass(frozen=True)
class Size:
    """How large a fitted classifier is.

    ``parameters`` are all numbers that it was fitted to, those of a model within it included; None
    where it is not known, with the ``reason``. ``model_bytes`` are those of the files of a model
    that it reads beside its own. ``metered``: each answer is paid for, so that its speed is not
    measured.
    """

    parameters: int | None
    model_bytes: int = 0
    reason: str | None = None
    metered: bool = False


class Fitted(Protocol):
    """A classifier that can be asked."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The possible labels, in the order of the columns of :meth:`probabilities`."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What a record holds of it: the model's licence, hash and lineage, and the prompt."""

    @property
    def size(self) -> Size:
        """How large it is."""

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """What it answers to texts; progress is shown under ``title``, if there is one."""

    def label(self, texts: Sequence[str]) -> Sequence[LabelAnswer]:
        """The label of each text, in the quickest way that the classifier has."""

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """The probability of each label, array (texts, labels) whose rows have the sum 1.

        Raises:
            UsageError: it has no probabilities.
        """


class Estimator(Protocol):
    """A classifier of a study before it is fitted."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What tables say of it: ``kind``, ``model`` and, where there are any, its method,
        its group of seeds and its examples.
        """

    @property
    def trains(self) -> bool:
        """Whether it has something to fit. If not, it has no training stage."""

    @property
    def kept_in(self) -> str:
        """The folder of a run that holds what is fitted, one of ``runs.results.FITTED``."""

    def key(self, task: Task) -> Mapping[str, Any]:
        """What decides the result of :meth:`fit`, beside the data and the seed, as JSON values."""

    def answer_key(self) -> Mapping[str, Any]:
        """What decides the answers, beside what was fitted, as JSON values."""

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """Fit to the training rows, if there is something to fit, and write it to ``target``.

        ``folder`` is that of the stage, for checkpoints and tables. ``callbacks`` are those of
        transformers' Trainer, for estimators that train with it. Returns the values of the record.

        Raises:
            UsageError: a setting or a label does not fit.
            RunError: it cannot be fitted to these rows.
        """

    def open(self, target: Path, task: Task) -> Fitted:
        """The fitted classifier."""

    @property
    def device(self) -> str:
        """Where it computes: cpu, cuda or mps."""

    def memory(self) -> int:
        """Bytes of main memory that it takes besides the process and the rows.

        Raises:
            TunelabError: it is not known, as the model is not.
        """


@dataclass(frozen=True)
class Context:
    """What a study decides for all of its classifiers.

    ``preference`` is auto or a device, ``precision`` auto or a type of weights. They are resolved
    when they are first needed, as another machine may open the same study. ``prompt``,
    ``evaluation`` and ``training`` are the study's sections.
    """

    preference: str
    precision: str
    prompt: Prompt = field(default_factory=Prompt)
    evaluation: Evaluation = field(default_factory=Evaluation)
    training: Training = field(default_factory=Training)

    @property
    def device(self) -> str:
        """cpu, cuda or mps.

        Raises:
            UsageError: the preferred device is not there.
        """
        from tunelab.models.device import pick_device

        return pick_device(self.preference)

    @property
    def dtype(self) -> str:
        """The type of weights: float32, bfloat16 or float16."""
        from tunelab.models.device import pick_dtype

        return pick_dtype(self.precision, self.device)


@dataclass(frozen=True)
class ClassifierKind:
    """A kind of classifier that a study can name.

    ``check(settings, prefix)`` refuses settings that it does not have with a ``UsageError``;
    ``prefix`` stands before the key in the message. ``make(settings, context)`` gives the
    classifier; ``defaults`` are the settings that it takes where a study names none.
    ``explanation``: how it works, with the source. ``prove(settings, context, labels)`` refuses,
    before anything is fitted, what cannot work on this machine or with these labels.
    ``permit(settings)`` refuses to open a saved one that does what its user has to allow first,
    such as to send texts to an address that the folder names. ``seeded``:
    whether it is fitted once for each of the study's training seeds, as its result depends on
    chance; others are fitted with the seed of the study. ``prompted``: whether it reads the
    study's instruction, so that it is asked under each of its wordings. ``stops(settings)``:
    whether it is asked no further once another classifier is shown to be better, as each answer is
    paid for.
    """

    name: str
    check: Callable[[Mapping[str, Any], str], None]
    make: Callable[[Mapping[str, Any], Context], Estimator]
    defaults: Mapping[str, Any]
    explanation: str
    prove: Callable[[Mapping[str, Any], Context, Sequence[str]], None] = lambda *_: None
    permit: Callable[[Mapping[str, Any]], None] = lambda _: None
    seeded: bool = False
    prompted: bool = False
    stops: Callable[[Mapping[str, Any]], bool] = lambda _: False
