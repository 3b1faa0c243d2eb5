"""A fitted classifier for Python, whatever it is made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.classifiers.contract import Fitted, LabelAnswer
from tunelab.classifiers.labelling import label_texts
from tunelab.classifiers.text_input import as_texts
from tunelab.errors import UsageError
from tunelab.guards.bounded_files import home_path, is_file, is_folder
from tunelab.library_warnings import hide_library_warnings
from tunelab.runs.results import ADAPTER_RECORD, FITTED

if TYPE_CHECKING:
    import numpy as np


def load(
    path: str | Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 64,
    verbose: bool = False,
) -> "Classifier":
    """Open a fitted classifier: ``runs/<study>/adapters/<name>``, or what ``save`` wrote.

    Classifiers that are no language models are in ``runs/<study>/classifiers/<name>``.

    The folder of a run that holds one classifier stands for it. ``device`` is auto, cpu, cuda or
    mps; ``precision`` auto, float32, bfloat16 or float16. ``batch_size`` rows are asked together;
    ``verbose`` shows progress.

    Raises:
        UsageError: there is no such folder, it holds no classifier or several, or it was changed.
        RunError: its files or its base model are damaged or not those of the training.
    """
    folder = find_classifier(home_path(str(path)))
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UsageError(f"batch_size is {batch_size!r}; it must be a whole number from 1.")
    from tunelab.classifiers.stored import open_classifier, read_record
    from tunelab.config import Evaluation
    from tunelab.models.device import pick_device, pick_dtype

    read_record(folder)
    chosen = pick_device(device)
    with hide_library_warnings():
        opened = open_classifier(
            folder,
            device=chosen,
            dtype=pick_dtype(precision, chosen),
            evaluation=Evaluation(batch_size=batch_size),
        )
    return Classifier(opened, verbose=verbose)


def find_classifier(path: Path) -> Path:
    """The folder of a classifier: the path itself, or the only one of a run.

    A run's only adapter stands for the run, whatever other classifiers it has.

    Raises:
        UsageError: there is no such folder, or it holds no classifier or several.
    """
    if not is_folder(path):
        raise UsageError(f"there is no folder {str(path)[:200]!r}; name runs/<study>/adapters/...")
    if is_file(path / ADAPTER_RECORD):
        return path
    folders = [path] if path.name in FITTED else [path / name for name in FITTED]
    found = [saved for folder in folders if (saved := _saved(folder))]
    if not found:
        raise UsageError(
            f"{path} holds no classifier; name a folder such as runs/mine/adapters/lora."
        )
    if len(found[0]) == 1:
        return found[0][0]
    every = [folder for saved in found for folder in saved]
    names = ", ".join(map(str, every[:6]))
    raise UsageError(f"{path} holds {len(every)} classifiers; name one of {names}.")


def _saved(folder: Path) -> list[Path]:
    """The classifiers in a folder of them, by name."""
    return sorted(
        entry
        for entry in (folder.iterdir() if is_folder(folder) else ())
        if is_file(entry / ADAPTER_RECORD) and not entry.name.startswith(".")
    )


class Classifier:
    """A fitted classifier that labels texts.

    ``classes_``: array (labels,) of the labels as words, in the order of the columns of
    :meth:`predict_proba`. ``name`` is that of its folder. ``model`` is the name of the base model
    or encoder, None where there is none; ``instruction`` what a language model is asked.
    """

    def __init__(self, fitted: Fitted, *, verbose: bool = False) -> None:
        import numpy as np

        self._fitted = fitted
        self._title = fitted.name if verbose else ""
        self.name: str = fitted.name
        self.model: str | None = fitted.about.get("model")
        self.instruction: str | None = (fitted.about.get("prompt") or {}).get("system")
        self.classes_: np.ndarray = np.array(fitted.labels)

    def __repr__(self) -> str:
        """Name, base model and labels."""
        shown = ", ".join(self.classes_[:8].tolist()) + (", …" if len(self.classes_) > 8 else "")
        model = f", model={self.model!r}" if self.model else ""
        return f"Classifier({self.name!r}{model}, classes=[{shown}])"

    def predict(self, texts: Sequence[str]) -> list[str | None]:
        """The label of each text, or None where there is none.

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
        return label_texts(self._fitted, as_texts(texts, "texts"))

    def predict_proba(self, texts: Sequence[str]) -> "np.ndarray":
        """The probability of each label, array (rows, labels) whose rows sum to 1.

        Of a language model it is the likelihood of the label's tokens after the prompt, as a share
        of all labels'. The likeliest label can differ from the one that :meth:`predict` reads in
        the answer.

        Raises:
            ValueError: ``texts`` is not a list of texts.
            UsageError: the classifier has no probabilities.
        """
        import numpy as np

        given = as_texts(texts, "texts")
        different = list(dict.fromkeys(given))
        found = self._fitted.probabilities(different, title=self._title)
        of = dict(zip(different, found, strict=True))
        return np.array([of[text] for text in given], dtype=float)
