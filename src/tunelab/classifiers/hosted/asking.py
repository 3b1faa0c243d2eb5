"""Ask an endpoint many questions: a few at a time, each answer kept as it comes."""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from tunelab.classifiers.hosted.answers import HostedAnswer
from tunelab.classifiers.hosted.first_tokens import first_tokens
from tunelab.classifiers.hosted.kept import KeptAnswers
from tunelab.classifiers.hosted.manner import REFUSED, Manner, unwrapped
from tunelab.classifiers.hosted.settings import Settings
from tunelab.errors import RunError
from tunelab.generation.endpoint.errors import EndpointError
from tunelab.generation.endpoint.exchange import open_client
from tunelab.generation.endpoint.reply import Reply
from tunelab.generation.endpoint.request import Request
from tunelab.generation.endpoint.retries import complete
from tunelab.numbers import counted
from tunelab.progress import row_bar

# No row would be answered: no key, no money, no such model or address.
_FINAL = (401, 402, 403, 404, 405)
# Failures in a row after which nothing is expected any more.
_IN_A_ROW = 5
# A shorter key was made up for a server that asks for none, and may be a part of words.
_SHORTEST_KEY = 8


@dataclass
class Outcome:
    """Answers and failures, each by the key of its question.

    ``seconds`` is what was waited for the ``asked`` ones; those ``kept`` come from before.
    ``manner`` is how the server was asked, None where it was not. ``in_a_row`` counts the failures
    since the last answer.
    """

    answers: dict[str, HostedAnswer] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    asked: int = 0
    seconds: float = 0.0
    manner: Manner | None = None
    in_a_row: int = 0

    def add(self, key: str, answer: HostedAnswer | None) -> None:
        """Note an answer; None is one that was stopped."""
        if answer is not None:
            self.answers[key], self.in_a_row = answer, 0


@dataclass(frozen=True)
class Server:
    """An endpoint with what it is asked for. ``path`` is that of a chat."""

    settings: Settings
    labels: Sequence[str]
    path: str
    key: str = field(default="", repr=False)

    @property
    def first_manner(self) -> Manner:
        """With all that the settings allow."""
        return Manner(self.settings.structured != "no", self.settings.logprobs != "no")

    def ask(
        self, base: Mapping[str, Any], manner: Manner, client: Any, stop: threading.Event
    ) -> HostedAnswer | None:
        """One answer; None where it was stopped before it came.

        Raises:
            EndpointError: the endpoint gave up or refuses.
        """
        settings, started = self.settings, time.perf_counter()
        body = manner.body(base, self.labels)
        request = Request(settings.url.rstrip("/"), self.path, body, settings.patience, self.key)
        reply = complete(request, stop.is_set, client)
        if reply.interrupted:
            return None
        return self._read(reply, manner, time.perf_counter() - started)

    def check(self, answer: HostedAnswer) -> None:
        """Refuse a server whose first answer lacks what the settings insist on.

        Raises:
            RunError: as said.
        """
        url = self.settings.url
        if not answer.text.strip() and not answer.stopped:
            raise RunError(
                f"{url} used all {self.settings.max_tokens or 'its'} tokens of its first answer "
                "before it said anything, as a model that reasons first does; raise max_tokens."
            )
        if self.settings.structured == "yes" and not answer.by_schema:
            raise RunError(
                f"{url} takes the schema and does not follow it ({answer.text[:60]!r}); set "
                "structured to auto or no."
            )
        if self.settings.logprobs == "yes" and answer.first_tokens is None:
            raise RunError(f"{url} gives no log-probabilities; set logprobs to auto or no.")

    def _read(self, reply: Reply, manner: Manner, seconds: float) -> HostedAnswer:
        text = reply.text
        found = unwrapped(text) if manner.schema else None
        said, start = found or (text, len(text) - len(text.lstrip()))
        return HostedAnswer(
            text=self._without_key(said),
            stopped=reply.reason != "length",
            seconds=seconds,
            by_schema=found is not None,
            input_tokens=reply.prompt_tokens,
            output_tokens=reply.answer_tokens,
            first_tokens=first_tokens(reply.choices, self.labels, text, start)
            if manner.logprobs
            else None,
        )

    def _without_key(self, said: str) -> str:
        """A server may repeat the key that it was sent; a made-up one may be part of a word."""
        if len(self.key) < _SHORTEST_KEY or said.strip() in self.labels:
            return said
        return said.replace(self.key, "(the key)")


def ask_all(
    server: Server, questions: Mapping[str, Mapping[str, Any]], kept: KeptAnswers, *, title: str
) -> Outcome:
    """The answers to all questions, those that were kept first; each other one is asked once.

    ``questions`` are the bodies of requests by their keys. Until the first answer has shown what
    the server takes, they are asked one by one.

    Raises:
        RunError: more requests failed than ``max_failed`` allows, the server lacks what the
            settings insist on, or it would answer none. What was answered is kept.
    """
    settings, stop = server.settings, threading.Event()
    before = kept.read(list(questions))
    outcome = Outcome(dict(before), kept=frozenset(before))
    missing = [key for key in questions if key not in outcome.answers]
    allowed = math.floor(settings.max_failed * len(questions) + 1e-9)
    started = time.perf_counter()

    def one(key: str, manner: Manner) -> HostedAnswer | None:
        answer = server.ask(questions[key], manner, client, stop)
        if answer is not None:
            if outcome.manner is None:
                server.check(answer)
            kept.keep(key, answer)
        return answer

    def failed(key: str, error: EndpointError) -> None:
        final = error.status is not None and (error.status in _FINAL or 300 <= error.status < 400)
        outcome.failures[key] = str(error)
        outcome.in_a_row += 1
        if final or len(outcome.failures) > allowed or outcome.in_a_row >= _IN_A_ROW:
            raise _ended(server, outcome, error, final=final)

    with (
        open_client(settings.patience) as client,
        row_bar(title, len(questions), shown=bool(title)) as bar,
    ):
        bar.update(len(outcome.answers))
        waiting = iter(missing)
        for key in waiting:
            bar.update()
            try:
                outcome.manner, answer = _first(server, key, one)
            except EndpointError as error:
                failed(key, error)
                continue
            outcome.add(key, answer)
            break
        pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="hosted")
        try:
            manner = outcome.manner or server.first_manner
            futures = {pool.submit(one, key, manner): key for key in waiting}
            for future in as_completed(futures):
                key = futures[future]
                bar.update()
                try:
                    outcome.add(key, future.result())
                except EndpointError as error:
                    failed(key, error)
        finally:
            # Of an interrupt too: the requests that are under way are given up.
            stop.set()
            pool.shutdown(cancel_futures=True)
    outcome.asked = len(missing)
    outcome.seconds = time.perf_counter() - started
    return outcome


def _first(server: Server, key: str, one: Any) -> tuple[Manner, HostedAnswer]:
    """Ask with all optional parts, and with fewer where the server refuses them."""
    settings = server.settings
    manner: Manner = server.first_manner
    while True:
        try:
            answer: HostedAnswer = one(key, manner)
        except EndpointError as error:
            fewer = manner.after(
                str(error),
                schema=settings.structured == "auto",
                logprobs=settings.logprobs == "auto",
            )
            if error.status not in REFUSED or fewer is None:
                raise
            manner = fewer
            continue
        return manner, answer


def _ended(server: Server, outcome: Outcome, error: EndpointError, *, final: bool) -> RunError:
    count = len(outcome.answers)
    again = (
        f"{counted(count, 'answer')} {'is' if count == 1 else 'are'} kept, so that the same "
        "command asks the other rows alone."
    )
    if final:
        return RunError(f"{error} {again}")
    if outcome.in_a_row >= _IN_A_ROW:
        return RunError(f"{_IN_A_ROW} requests in a row failed; the last one: {error} {again}")
    return RunError(
        f"{counted(len(outcome.failures), 'request')} failed, more than "
        f"max_failed={server.settings.max_failed:g} allows; the last one: {error} {again}"
    )
