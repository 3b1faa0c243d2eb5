"""Labelling on Ray: an actor for each device, and a chunk of rows at a time for each actor.

The driver reads the files and hands out chunks; an actor writes the part of a chunk and answers
with its counts. When an actor dies another takes its place and its chunks are labelled again,
into the same parts. Ray Data is not used: a job of it begins anew when the whole of it is
killed, while parts that are named by their chunks are found again.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tunelab.classifiers.labelling import label_texts
from tunelab.classifiers.stored import open_classifier
from tunelab.config import Evaluation
from tunelab.errors import RunError, TunelabError
from tunelab.models.device import pick_device, pick_dtype
from tunelab.serving.prediction_parts import Counts, write_part
from tunelab.serving.review_rule import ReviewRule
from tunelab.serving.reviewed_answers import Reviewing
from tunelab.serving.text_chunks import Chunk
from tunelab.study.engines.ray_runtime import check_resources, limit_threads, runtime

# Chunks that each actor has been given: one is labelled while the next is on its way.
_AHEAD = 2
# Deaths that a chunk survives; actors are replaced without end.
_RETRIES = 5


class Labeller:
    """A worker with a classifier on its device."""

    def __init__(
        self,
        adapter: str,
        out: str,
        evaluation: dict[str, Any],
        device: str,
        cpus: int,
        rule: ReviewRule | None,
        all_labels: bool,
        label_sets: bool,
    ) -> None:
        limit_threads(cpus)

        self.out = out
        self.failure: str | None = None
        try:
            found = pick_device(device)
            opened = open_classifier(
                Path(adapter),
                device=found,
                dtype=pick_dtype("auto", found),
                evaluation=Evaluation(**evaluation),
            )
            self.opened = Reviewing(opened, rule, all_labels, label_sets)
        except TunelabError as error:
            self.failure = str(error)

    def label(self, chunk: Chunk) -> tuple[Counts | None, str | None]:
        """Write the part of a chunk; its counts, or the sentence that says why not."""
        if self.failure is not None:
            return None, self.failure
        try:
            answers = label_texts(self.opened, chunk.texts)
            return write_part(self.out, chunk, answers), None
        except TunelabError as error:
            return None, str(error)


def label_on_ray(
    chunks: Iterable[Chunk],
    *,
    out: str,
    adapter: Path,
    evaluation: Evaluation,
    device: str,
    workers: int | None,
    cpus: int,
    rule: ReviewRule | None = None,
    all_labels: bool = False,
    label_sets: bool = False,
) -> Iterator[tuple[Chunk, Counts]]:
    """Label chunks on ``workers`` actors, by default as many as there are devices.

    ``rule``, ``all_labels`` and ``label_sets`` are those of
    :class:`tunelab.serving.reviewed_answers.Reviewing`.
    ``out`` and ``adapter`` have to be the same for all machines; ``out`` may be a URL.

    Raises:
        UsageError: Ray is not installed, or the machine has less than an actor asks for.
        RunError: Ray does not start, an actor cannot work, or a chunk kills its actors.
    """
    with runtime(cpus=(workers or 1) * cpus) as ray:
        there = ray.cluster_resources()
        gpus = int(device == "cuda" or (device == "auto" and there.get("GPU", 0) >= 1))
        if not gpus:
            pick_device(device)
        count = workers or int(there["GPU"] if gpus else max(1, there.get("CPU", 1) // cpus))
        check_resources(ray, cpus=cpus, gpus=gpus, memory=0, what="a labelling worker")
        kind = ray.remote(Labeller).options(
            num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=_RETRIES
        )
        position = out if "://" in out else str(Path(out).resolve())
        actors = [
            kind.remote(
                *(str(adapter.resolve()), position, evaluation.model_dump(), device, cpus),
                *(rule, all_labels, label_sets),
            )
            for _ in range(count)
        ]
        free = deque(actors * _AHEAD)
        waiting: dict[Any, tuple[Any, Chunk]] = {}

        def finish() -> Iterator[tuple[Chunk, Counts]]:
            for done in ray.wait(list(waiting), num_returns=1)[0]:
                actor, chunk = waiting.pop(done)
                free.append(actor)
                yield chunk, _counts(ray, done, chunk)

        for chunk in chunks:
            if not free:
                yield from finish()
            actor = free.popleft()
            waiting[actor.label.remote(chunk)] = (actor, chunk)
        while waiting:
            yield from finish()


def _counts(ray: Any, done: Any, chunk: Chunk) -> Counts:
    where = f"rows from {chunk.first} of {chunk.file}"
    try:
        counts, failure = ray.get(done)
    except ray.exceptions.RayError as error:
        raise RunError(
            f"{where}: their worker died {_RETRIES + 1} times; it may need more memory, or fewer "
            f"--part-rows ({(str(error).splitlines() or [''])[0][:160]})."
        ) from None
    if failure is not None:
        raise RunError(f"{where}: {failure}")
    found: Counts = counts
    return found
