"""The one thread that runs models: it labels texts in batches and writes text token by token.

Requests come all at once, and each thread that runs a model would be given helpers and memory of
its own by the numeric libraries. So all wait for one thread. It takes the request that has waited
longest, and with it others of the same model as far as the batch holds; a request waits for
others to join it only while nothing else is to be done, and no longer than ``batch_wait``. Texts
of requests are never divided among batches. Answers that are being written go on by a token each
between two batches, so that neither kind of request blocks the other.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from tunelab.classifiers.contract import Fitted
from tunelab.generation.outcome import Progress
from tunelab.models.embedding_cache import without_cache
from tunelab.serving.http.labelling import TextLabel, label_in_one_pass

# Answers that are written at once; others wait, as each makes all slower.
_WRITTEN_AT_ONCE = 4
# The weight of the last batch in the mean speed.
_FRESH = 0.2
_LONGEST_ADVICE = 60


@dataclass(frozen=True, eq=False)
class _Labelling:
    """Texts of one request that wait for their labels; ``id`` is that of the classifier."""

    id: str
    fitted: Fitted
    texts: tuple[str, ...]
    probabilities: bool
    arrived: float
    labels: "Future[list[TextLabel]]" = field(default_factory=Future)

    def joins(self, other: "_Labelling") -> bool:
        """Whether both can be labelled together."""
        return self.fitted is other.fitted and self.probabilities == other.probabilities


@dataclass(eq=False)
class Writing:
    """An answer that is written step by step.

    ``begin`` gives its steps. ``on_step`` hears of each, and ``on_end`` of the end: None, or the
    error. All are called by the thread of the models. Whoever sets ``unwanted`` ends it.
    """

    begin: Callable[[], Iterator[Progress]]
    on_step: Callable[[Progress], None]
    on_end: Callable[[Exception | None], None]
    unwanted: bool = False
    steps: Iterator[Progress] | None = None


class ModelThread:
    """``on_batch`` hears of each batch: the model's id, requests, texts and seconds."""

    def __init__(
        self,
        *,
        batch_texts: int,
        batch_wait: float,
        on_batch: Callable[[str, int, int, float], None] = lambda *_: None,
    ) -> None:
        self._batch_texts = batch_texts
        self._batch_wait = batch_wait
        self._on_batch = on_batch
        self._changed = threading.Condition()
        self._waiting: deque[_Labelling] = deque()
        self._to_write: deque[Writing] = deque()
        self._written: list[Writing] = []
        self._stopping = False
        self._seconds_per_text = 0.0
        # A model that computes must not keep the process from ending at once.
        self._thread = threading.Thread(target=self._work, name="models", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    @property
    def waiting_texts(self) -> int:
        """Texts that wait for their labels."""
        with self._changed:
            return sum(len(one.texts) for one in self._waiting)

    @property
    def advised_wait(self) -> int:
        """Seconds, 1 or more, after which what waits now should be answered."""
        seconds = self.waiting_texts * self._seconds_per_text
        return max(1, min(_LONGEST_ADVICE, round(seconds)))

    def label(
        self, id: str, fitted: Fitted, texts: tuple[str, ...], *, probabilities: bool
    ) -> "Future[list[TextLabel]]":
        """The labels of texts, when they are there; one that is cancelled is not begun.

        ``id`` is what ``on_batch`` calls the classifier.
        """
        asked = _Labelling(id, fitted, texts, probabilities, time.monotonic())
        with self._changed:
            self._waiting.append(asked)
            self._changed.notify()
        return asked.labels

    def write(self, writing: Writing) -> None:
        """Write an answer as soon as there is room."""
        with self._changed:
            self._to_write.append(writing)
            self._changed.notify()

    def stop(self, seconds: float) -> None:
        """Finish what was asked for, within ``seconds``."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(seconds)

    def _work(self) -> None:
        # Texts of requests leave no trace on disk.
        with without_cache():
            while True:
                with self._changed:
                    batch = self._next_batch()
                    while len(self._written) < _WRITTEN_AT_ONCE and self._to_write:
                        self._written.append(self._to_write.popleft())
                    if not batch and not self._written and self._stopping:
                        return
                if batch:
                    self._label(batch)
                for writing in list(self._written):
                    if not _go_on(writing):
                        self._written.remove(writing)

    def _next_batch(self) -> list[_Labelling]:
        """Requests to label now; none where there is something to write or to stop instead."""
        while True:
            if not self._waiting:
                if self._written or self._to_write or self._stopping:
                    return []
                self._changed.wait()
                continue
            first = self._waiting[0]
            batch, texts, full = [first], len(first.texts), False
            for one in list(self._waiting)[1:]:
                if not one.joins(first):
                    continue
                if texts + len(one.texts) > self._batch_texts:
                    full = True
                    break
                batch.append(one)
                texts += len(one.texts)
            left = first.arrived + self._batch_wait - time.monotonic()
            full = full or texts >= self._batch_texts
            if full or left <= 0 or self._written or self._to_write or self._stopping:
                chosen = set(batch)
                self._waiting = deque(one for one in self._waiting if one not in chosen)
                # A request that was given up is left out.
                return [one for one in batch if one.labels.set_running_or_notify_cancel()]
            self._changed.wait(left)

    def _label(self, batch: list[_Labelling]) -> None:
        first = batch[0]
        texts = [text for one in batch for text in one.texts]
        began = time.monotonic()
        try:
            found = label_in_one_pass(first.fitted, texts, probabilities=first.probabilities)
        except Exception as error:
            if len(batch) == 1:
                first.labels.set_exception(error)
            else:
                # What one request asks must not fail the others.
                for one in batch:
                    self._label([one])
            return
        seconds = time.monotonic() - began
        fresh = seconds / len(texts)
        known = self._seconds_per_text
        self._seconds_per_text = fresh if not known else known + _FRESH * (fresh - known)
        self._on_batch(first.id, len(batch), len(texts), seconds)
        start = 0
        for one in batch:
            one.labels.set_result(found[start : start + len(one.texts)])
            start += len(one.texts)


def _go_on(writing: Writing) -> bool:
    """One step of an answer; whether there is more."""
    step = None
    try:
        if not writing.unwanted:
            writing.steps = writing.begin() if writing.steps is None else writing.steps
            step = next(writing.steps, None)
    except Exception as error:
        writing.on_end(error)
        return False
    if step is None:
        writing.on_end(None)
        return False
    writing.on_step(step)
    return True
