"""A fitted classifier that several stages share, and whose facts are measured when it is opened."""

from collections.abc import Callable, Sequence
from typing import Any

from tunelab.classifiers.contract import Fitted
from tunelab.classifiers.measured import measure_facts
from tunelab.errors import FAULTS


class Opened:
    """A fitted classifier, opened when it is needed for the first time.

    With ``seconds`` its facts are measured as soon as it is open, for so long at most: what later
    stages hold in memory is none of its own.
    """

    def __init__(
        self,
        open_classifier: Callable[[], Fitted],
        texts: Sequence[str],
        *,
        device: str,
        seconds: float = 0,
    ) -> None:
        self._open_classifier, self._texts = open_classifier, texts
        self._device, self._seconds = device, seconds
        self._fitted: Fitted | None = None
        self._is_open = False
        self._facts: dict[str, Any] | Exception | None = None

    def get(self) -> Fitted:
        """The classifier.

        Raises:
            TunelabError: it cannot be opened.
        """
        if self._fitted is None and self._seconds:
            try:
                self._facts = measure_facts(
                    self._open, self._texts, seconds=self._seconds, device=self._device
                )
            except FAULTS as error:
                if not self._is_open:
                    raise
                self._facts = error
        return self._fitted or self._open()

    def facts(self) -> dict[str, Any]:
        """What :func:`~tunelab.classifiers.measured.measure_facts` found.

        Raises:
            Exception: what it raised, or the classifier cannot be opened.
        """
        self.get()
        if isinstance(self._facts, Exception):
            raise self._facts
        return dict(self._facts or {})

    def _open(self) -> Fitted:
        self._fitted = self._open_classifier()
        self._is_open = True
        return self._fitted
