"""The thread of the models: what is labelled together, what waits, and what fails alone."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from tunelab.classifiers.contract import Answers, LabelAnswer, Size
from tunelab.errors import RunError
from tunelab.evaluation.predictions import Given
from tunelab.generation.outcome import Progress
from tunelab.serving.http.model_thread import ModelThread, Writing


class Lengths:
    """A classifier whose label is the length of a text; ``gate`` holds it back."""

    name = "lengths"
    labels = tuple(str(number) for number in range(100))
    about: Mapping[str, Any] = {}
    size = Size(None)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[list[str]] = []

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        found = self.label(texts)
        return Answers(self.labels, given=Given(tuple(str(one.label) for one in found)))

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        self.gate.wait(5)
        self.asked.append(list(texts))
        if "bad" in texts:
            raise RunError("it failed.")
        return [LabelAnswer(str(len(text)), None, None) for text in texts]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        raise NotImplementedError


@pytest.fixture
def made() -> Iterator[Any]:
    threads: list[ModelThread] = []

    def make(**settings: Any) -> ModelThread:
        threads.append(ModelThread(**{"batch_texts": 8, "batch_wait": 0.0, **settings}))
        return threads[-1]

    yield make
    for one in threads:
        one.stop(5)
        assert not one.alive


def _ask(thread: ModelThread, fitted: Lengths, *texts: str) -> "Future[Any]":
    return thread.label("m", fitted, texts, probabilities=False)


def _labels(answer: "Future[Any]") -> list[str]:
    return [one.label for one in answer.result(5)]


def _held(thread: ModelThread, fitted: Lengths) -> "Future[Any]":
    """A first request that is being labelled until the gate opens."""
    fitted.gate.clear()
    first = _ask(thread, fitted, "first")
    while thread.waiting_texts:
        time.sleep(0.001)
    return first


def test_what_waits_is_labelled_together_and_never_divided(made: Any) -> None:
    thread, fitted = made(), Lengths()
    _held(thread, fitted)
    answers = [_ask(thread, fitted, *("x" * (n + 1) for _ in range(3))) for n in range(4)]
    assert thread.waiting_texts == 12
    fitted.gate.set()
    assert [_labels(one) for one in answers] == [[str(n + 1)] * 3 for n in range(4)]
    # Texts that repeat are asked once.
    assert fitted.asked == [["first"], ["x", "xx"], ["xxx", "xxxx"]]


def test_a_request_larger_than_a_batch_is_one(made: Any) -> None:
    thread, fitted = made(), Lengths()
    assert _labels(_ask(thread, fitted, *("x" * n for n in range(1, 21)))) == [
        str(n) for n in range(1, 21)
    ]


def test_models_are_labelled_apart_and_the_longest_waiting_first(made: Any) -> None:
    thread, one, other = made(), Lengths(), Lengths()
    _held(thread, one)
    answers = [_ask(thread, other, "a"), _ask(thread, one, "bb"), _ask(thread, other, "ccc")]
    one.gate.set()
    assert [_labels(answer) for answer in answers] == [["1"], ["2"], ["3"]]
    assert other.asked == [["a", "ccc"]]


def test_a_request_waits_for_others_no_longer_than_it_must(made: Any) -> None:
    batches: list[int] = []
    thread = made(batch_wait=0.3, on_batch=lambda _, requests, texts, __: batches.append(texts))
    fitted = Lengths()
    began = time.monotonic()
    answers = [_ask(thread, fitted, "a"), _ask(thread, fitted, "b")]
    for one in answers:
        one.result(5)
    assert 0.25 < time.monotonic() - began < 3
    _ask(thread, fitted, *"abcdefgh").result(0.25)
    assert batches == [2, 8]


def test_what_fails_does_not_fail_the_others(made: Any) -> None:
    thread, fitted = made(), Lengths()
    _held(thread, fitted)
    good, bad = _ask(thread, fitted, "good"), _ask(thread, fitted, "bad")
    fitted.gate.set()
    assert _labels(good) == ["4"]
    with pytest.raises(RunError, match="it failed"):
        bad.result(5)
    assert _labels(_ask(thread, fitted, "after")) == ["5"]


def test_what_was_given_up_is_not_labelled(made: Any) -> None:
    thread, fitted = made(), Lengths()
    _held(thread, fitted)
    gone, there = _ask(thread, fitted, "gone"), _ask(thread, fitted, "there")
    assert gone.cancel()
    fitted.gate.set()
    assert _labels(there) == ["5"]
    assert fitted.asked == [["first"], ["there"]]


def test_labels_are_given_between_two_tokens(made: Any) -> None:
    thread, fitted = made(batch_wait=10.0), Lengths()
    steps: list[str] = []
    ended: Future[Exception | None] = Future()
    begun = threading.Event()

    def stream() -> Iterator[Progress]:
        for number in range(1000):
            begun.set()
            time.sleep(0.002)
            yield Progress(0, 0, str(number))

    writing = Writing(stream, lambda step: steps.append(step.text), ended.set_result)
    thread.write(writing)
    assert begun.wait(5)
    assert _labels(_ask(thread, fitted, "abc")) == ["3"]
    assert 0 < len(steps) < 900
    writing.unwanted = True
    assert ended.result(5) is None
    assert len(steps) < 1000


def test_an_answer_that_fails_says_so(made: Any) -> None:
    ended: Future[Exception | None] = Future()

    def stream() -> Iterator[Progress]:
        raise RunError("no room.")

    made().write(Writing(stream, print, ended.set_result))
    assert str(ended.result(5)) == "no room."


def test_it_finishes_what_it_took(made: Any) -> None:
    thread, fitted = made(), Lengths()
    first = _held(thread, fitted)
    second = _ask(thread, fitted, "second")
    fitted.gate.set()
    thread.stop(5)
    assert (first.done(), _labels(second), thread.alive) == (True, ["6"], False)
