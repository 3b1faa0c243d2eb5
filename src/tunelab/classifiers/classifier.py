"""A fitted classifier that is ready to be asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.classifiers.text_input import as_texts
from tunelab.errors import UsageError
from tunelab.guards.bounded_files import home_path, is_file, is_folder
from tunelab.library_warnings import hide_library_warnings
from tunelab.runs.results import ADAPTER_RECORD

if TYPE_CHECKING:
    import numpy as np

# Where a study keeps what it trained, within its run folder.
_ADAPTERS = "adapters"


@dataclass(frozen=True)
class LabelAnswer:
    """What a classifier answered to one text: ``label``, or None and the ``reason``.

    ``raw`` is the model's answer in its own words.
    """

    label: str | None
    reason: str | None
    raw: str


def load(
    path: str | Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 64,
    verbose: bool = False,
) -> "Classifier":
    """Open a fine-tuned classifier: ``runs/<study>/adapters/<name>``, or what ``save`` wrote.

    The folder of a run that holds one classifier stands for it. ``device`` is auto, cpu, cuda or
    mps; ``precision`` auto, float32, bfloat16 or float16. ``batch_size`` rows are asked together;
    ``verbose`` shows progress.

    Raises:
        UsageError: there is no such folder, it holds no classifier or several, or it was changed.
        RunError: its files or its base model are damaged or not those of the training.
    """
    folder = _find(home_path(str(path)))
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UsageError(f"batch_size is {batch_size!r}; it must be a whole number from 1.")
    from tunelab.classifiers.adapters import open_adapter, read_record
    from tunelab.models.device import pick_device, pick_dtype

    read_record(folder)
    chosen = pick_device(device)
    with hide_library_warnings():
        opened = open_adapter(folder, device=chosen, dtype=pick_dtype(precision, chosen))
    return Classifier(opened, batch_size=batch_size, verbose=verbose)


def _find(path: Path) -> Path:
    """The folder of a classifier: the path itself, or the only one of a run."""
    if not is_folder(path):
        raise UsageError(f"there is no folder {str(path)[:200]!r}; name runs/<study>/adapters/...")
    if is_file(path / ADAPTER_RECORD):
        return path
    inside = path if path.name == _ADAPTERS else path / _ADAPTERS
    found = sorted(
        entry
        for entry in (inside.iterdir() if is_folder(inside) else ())
        if is_file(entry / ADAPTER_RECORD) and not entry.name.startswith(".")
    )
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(entry) for entry in found[:6])
        raise UsageError(f"{path} holds {len(found)} classifiers; name one of {names}.")
    raise UsageError(
        f"{path} holds no fine-tuned classifier; name a folder such as runs/mine/adapters/lora."
    )


class Classifier:
    """A fine-tuned language model that labels texts.

    ``classes_``: array (labels,) of the labels as words, in the order of the columns of
    :meth:`predict_proba`. ``name`` is that of its folder, ``model`` that of its base model,
    ``instruction`` what it is asked.
    """

    def __init__(self, opened: Any, *, batch_size: int = 64, verbose: bool = False) -> None:
        import numpy as np

        self._opened = opened
        self._batch_size = batch_size
        self._verbose = verbose
        self.name: str = opened.name
        self.model: str = opened.loaded.card.name
        self.instruction: str = opened.encoder.format.system
        self.classes_: np.ndarray = np.array(opened.encoder.format.labels)

    def __repr__(self) -> str:
        """Name, base model and labels."""
        shown = ", ".join(self.classes_[:8].tolist()) + (", …" if len(self.classes_) > 8 else "")
        return f"Classifier({self.name!r}, model={self.model!r}, classes=[{shown}])"

    def predict(self, texts: Sequence[str]) -> list[str | None]:
        """The label of each text as the model says it, or None where it says none.

        These are the labels of `tunelab predict`. A blank text is not asked, and has none.

        Raises:
            ValueError: ``texts`` is not a list of texts.
        """
        return [answer.label for answer in self.answer(texts)]

    def answer(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """Label, why there is none, and the raw answer, for each text.

        Raises:
            ValueError: ``texts`` is not a list of texts.
        """
        from tunelab.classifiers.adapters import label_texts
        from tunelab.config import Evaluation

        evaluation = Evaluation(batch_size=self._batch_size)
        answers = label_texts(self._opened, as_texts(texts, "texts"), evaluation)
        return [LabelAnswer(one["label"], one["reason"], one["answer"]) for one in answers]

    def predict_proba(self, texts: Sequence[str]) -> "np.ndarray":
        """The probability of each label, array (rows, labels) whose rows sum to 1.

        It is the likelihood of the label's tokens after the prompt, as a share of all labels'.
        The likeliest label can differ from the one that :meth:`predict` reads in the answer.

        Raises:
            ValueError: ``texts`` is not a list of texts.
        """
        import numpy as np

        from tunelab.classifiers.asking import label_likelihoods
        from tunelab.evaluation.measuring import choose_labels

        given = as_texts(texts, "texts")
        different = list(dict.fromkeys(given))
        opened = self._opened
        labels = opened.encoder.format.labels
        likelihoods = label_likelihoods(
            opened.model,
            opened.encoder,
            [opened.encoder.prompt(text) for text in different],
            # The true label decides nothing of what is read here.
            [labels[0]] * len(different),
            title=f"{self.name} scores",
            progress=self._verbose,
        )
        choices = choose_labels(likelihoods, labels, normalize="sum", calibrate=False)
        of = dict(zip(different, choices.probabilities, strict=True))
        return np.array([of[text] for text in given], dtype=float)
