"""A model that runs elsewhere, behind an OpenAI-compatible endpoint.

vLLM, llama.cpp's server, Ollama and ``transformers serve`` speak this protocol. Answers are
streamed, so that the time to the first token is known and an answer that breaks off is not lost.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from tunelab.errors import RunError, UsageError
from tunelab.generation.outcome import Ending, Generation, Progress, Token
from tunelab.generation.settings import GenerationSettings
from tunelab.prompts.markers import take_apart
from tunelab.prompts.prompting import Prompt, check_messages
from tunelab.visible_text import has_hidden

_log = logging.getLogger(__name__)

KEY_VARIABLE = "TUNELAB_API_KEY"
_LONGEST_WAIT = 30.0
# How often a wait looks up, for an interrupt and for the longest time. Seconds.
_LOOK = 0.1
_LONGEST_REPLY = 10_000_000
# Answers of a server that another try may better; every other refusal is final.
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class EndpointError(RunError):
    """The endpoint gave up. ``partial`` is what had come of the answer, ``done`` what was whole."""

    def __init__(
        self, message: str, partial: str = "", done: Sequence[Sequence[Generation]] = ()
    ) -> None:
        super().__init__(message)
        self.partial = partial
        self.done = done


@dataclass(frozen=True)
class Patience:
    """How long an endpoint is waited for. Seconds.

    ``silence`` is the longest time without a byte, ``whole`` that of an answer; ``attempts`` is
    how often a request is made at most, and ``pause`` the wait before the second one, which
    doubles each time.
    """

    connect: float = 10.0
    silence: float = 120.0
    whole: float = 1200.0
    attempts: int = 4
    pause: float = 1.0


@dataclass(frozen=True)
class EndpointModel:
    """A model by its name at an endpoint, such as ``http://127.0.0.1:8000/v1``."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    patience: Patience = field(default_factory=Patience)

    @property
    def name(self) -> str:
        """What the results call it."""
        return f"{self.url}#{self.model}"

    @property
    def context(self) -> int | None:
        """Unknown: the endpoint refuses what does not fit."""
        return None

    def count(self, prompt: Prompt) -> int:
        """Unknown: the tokenizer is the endpoint's."""
        return 0

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings,
        *,
        interrupt: Callable[[], bool] = lambda: False,
    ) -> list[list[Generation]]:
        """Answers, (prompts, samples), one request each.

        Raises:
            EndpointError: the endpoint gave up; its ``done`` are the answers until then.
        """
        answers: list[list[Generation]] = [[] for _ in prompts]
        try:
            for step in self.stream(prompts, settings, interrupt=interrupt):
                if step.done is not None:
                    answers[step.prompt].append(step.done)
        except EndpointError as error:
            raise EndpointError(str(error), error.partial, answers) from None
        return answers

    def stream(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings,
        *,
        begun: Sequence[Sequence[Generation]] | None = None,
        interrupt: Callable[[], bool] = lambda: False,
    ) -> Iterator[Progress]:
        """The same, step by step. An answer that was begun is asked for anew.

        Raises:
            EndpointError: the endpoint gave up.
            UsageError: a prompt is given as token ids.
        """
        bodies = [_body(self.model, prompt, settings) for prompt in prompts]
        for place, (path, body) in enumerate(bodies):
            for sample in range(settings.samples):
                seeded = {**body, "seed": (settings.seed + sample) % 2**31}
                yield from self._one(path, seeded, place, sample, settings, interrupt)

    def _one(
        self,
        path: str,
        body: Mapping[str, Any],
        place: int,
        sample: int,
        settings: GenerationSettings,
        interrupt: Callable[[], bool],
    ) -> Iterator[Progress]:
        """One answer, with bounded retries. What was shown is not shown again."""
        shown = ""
        best = _Reply()
        for attempt in range(1, self.patience.attempts + 1):
            reply = _Reply()
            try:
                for text in _request(self, path, body, reply, interrupt):
                    whole = reply.text
                    if len(whole) > len(best.text):
                        best = reply
                    # After a retry the same words come again; other ones cannot be taken back.
                    if text and len(whole) > len(shown) and whole.startswith(shown):
                        yield Progress(place, sample, whole[len(shown) :])
                        shown = whole
                if reply.interrupted and len(best.text) > len(reply.text):
                    reply, best.interrupted = best, True
                yield Progress(place, sample, "", reply.generation(settings))
                return
            except _PassingError as fault:
                if attempt == self.patience.attempts:
                    tries = f"{attempt} tries" if attempt > 1 else "one try"
                    raise EndpointError(
                        f"the endpoint {self.url} gave no whole answer in {tries}: {fault}.",
                        partial=best.text,
                    ) from None
                wait = fault.wait or self.patience.pause * 2 ** (attempt - 1)
                _log.warning("endpoint %s: %s; try %d follows", self.url, fault, attempt + 1)
                _pause(min(wait, _LONGEST_WAIT), interrupt)


def is_endpoint(name: str) -> bool:
    """Whether a model's name is that of an endpoint."""
    return name.startswith(("http://", "https://"))


def open_endpoint(name: str, patience: Patience | None = None) -> EndpointModel:
    """The endpoint that ``http://HOST:PORT/v1#MODEL`` names; a key is read from TUNELAB_API_KEY.

    Raises:
        UsageError: no model is named, the address is none, or a secret stands in it: it would
            be written into records. It is not repeated then.
    """
    from urllib.parse import urlsplit

    url, _, model = name.partition("#")
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    # Also where the address is none: what stands before an @ may be a password all the same.
    if "@" in url or "?" in url:
        raise UsageError(
            "the address of an endpoint may hold no user, password or query, as it is written "
            f"into records; put the key into {KEY_VARIABLE} and give http://HOST:PORT/v1#MODEL."
        )
    if not whole or not model or has_hidden(name):
        raise UsageError(f"{name!r} must be an address and a model: http://HOST:PORT/v1#MODEL.")
    return EndpointModel(
        url.rstrip("/"), model, os.environ.get(KEY_VARIABLE, ""), patience or Patience()
    )


def _body(model: str, prompt: Prompt, settings: GenerationSettings) -> tuple[str, dict[str, Any]]:
    """The path of a request and its content."""
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "temperature": settings.temperature,
        "max_tokens": settings.max_new_tokens,
    }
    neutral = GenerationSettings()
    # Servers that do not know a setting refuse it, so only what was chosen is sent.
    for name in ("top_p", "top_k", "min_p", "repetition_penalty"):
        if getattr(settings, name) != getattr(neutral, name):
            body[name] = getattr(settings, name)
    if settings.stop:
        body["stop"] = list(settings.stop)
    if isinstance(prompt, str):
        if not prompt:
            raise UsageError("the prompt holds no token; give some text.")
        return "completions", {**body, "prompt": _defended(prompt)}
    if all(isinstance(part, int) for part in prompt):
        raise UsageError("an endpoint takes texts and conversations, not token ids.")
    messages = check_messages(prompt)
    return "chat/completions", {
        **body,
        "messages": [{**one, "content": _defended(one["content"])} for one in messages],
    }


def _defended(text: str) -> str:
    whole, markers = take_apart(text)
    if markers:
        _log.warning(
            "%d markers of chat templates in the text were taken apart, so that the endpoint reads "
            "them as text",
            markers,
        )
    return whole


class _PassingError(Exception):
    """Something that another try may better. ``wait`` is what the server asks for, in seconds."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass
class _Reply:
    """An answer as it comes."""

    tokens: list[Token] = field(default_factory=list)
    reason: str | None = None
    prompt_tokens: int | None = None
    interrupted: bool = False

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)

    def generation(self, settings: GenerationSettings) -> Generation:
        text = self.text
        places = [place for place in map(text.find, settings.stop) if place >= 0]
        ending: Ending = "length" if self.reason == "length" else "stop token"
        if places:
            text, ending = text[: min(places)], "stop string"
        if self.interrupted:
            ending = "interrupted"
        return Generation(text, tuple(self.tokens), ending, self.prompt_tokens)


def _pause(seconds: float, interrupt: Callable[[], bool]) -> None:
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0 and not interrupt():
        time.sleep(min(left, _LOOK))


def _request(
    endpoint: EndpointModel,
    path: str,
    body: Mapping[str, Any],
    reply: _Reply,
    interrupt: Callable[[], bool],
) -> Iterator[str]:
    """Make one request and read its stream; yields each piece of text.

    A thread does the reading, since neither silence nor a trickle of bytes may keep an interrupt
    or the longest time from being seen.

    Raises:
        _PassingError: another try may better it.
        EndpointError: it may not.
    """
    if interrupt():
        reply.interrupted = True
        return
    whole = endpoint.patience.whole
    inbox: SimpleQueue[dict[str, Any] | Exception | None] = SimpleQueue()
    left = threading.Event()
    started = last = time.perf_counter()
    threading.Thread(target=_read, args=(endpoint, path, body, inbox, left), daemon=True).start()
    try:
        while reply.reason is None:
            try:
                event = inbox.get(timeout=_LOOK)
            except Empty:
                event = {}
            now = time.perf_counter()
            if event is None:
                raise _PassingError("it closed the connection early")
            if isinstance(event, Exception):
                raise event
            if now - started > whole:
                raise _PassingError(f"it took more than {whole:g} seconds")
            text = _take(event, reply, now - last)
            if text:
                last = now
                yield text
            if reply.reason is None and interrupt():
                reply.interrupted = True
                return
    finally:
        left.set()


def _read(
    endpoint: EndpointModel,
    path: str,
    body: Mapping[str, Any],
    inbox: "SimpleQueue[dict[str, Any] | Exception | None]",
    left: threading.Event,
) -> None:
    """Put every event of a reply into ``inbox``, then None, or the error, until it is ``left``."""
    import httpx

    patience = endpoint.patience
    timeout = httpx.Timeout(patience.silence, connect=patience.connect)
    # Compressed, a short reply could become a long one before its length is known.
    headers = {"Accept-Encoding": "identity"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False) as client,
            client.stream(
                "POST", f"{endpoint.url}/{path}", json=dict(body), headers=headers
            ) as response,
        ):
            _check_status(endpoint, response)
            for event in _events(response, left):
                inbox.put(event)
        inbox.put(None)
    except Exception as error:
        # Whoever waits for the inbox raises it.
        inbox.put(_without_key(endpoint, _explained(endpoint, error)))


def _without_key(endpoint: EndpointModel, error: Exception) -> Exception:
    """The error without the key, which a server may repeat in what it says."""
    if not endpoint.key or endpoint.key not in str(error):
        return error
    told = str(error).replace(endpoint.key, "(the key)")
    if isinstance(error, _PassingError):
        return _PassingError(told, error.wait)
    return EndpointError(told)


def _explained(endpoint: EndpointModel, error: Exception) -> Exception:
    """What an error of the connection means for the request."""
    import httpx

    patience = endpoint.patience
    if isinstance(error, httpx.ConnectTimeout):
        return _PassingError(f"no connection within {patience.connect:g} seconds")
    if isinstance(error, httpx.ConnectError):
        return _PassingError("nothing answers at this address")
    if isinstance(error, httpx.TimeoutException):
        return _PassingError(f"it was silent for {patience.silence:g} seconds")
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return _PassingError("it closed the connection early")
    if isinstance(error, httpx.HTTPError):
        return _PassingError(f"the request failed ({type(error).__name__})")
    if isinstance(error, httpx.InvalidURL | UnicodeError):
        return UsageError(f"{endpoint.url!r} is no address; give http://HOST:PORT/v1.")
    return error


def _check_status(endpoint: EndpointModel, response: Any) -> None:
    status = response.status_code
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise EndpointError(
            f"the endpoint {endpoint.url} compresses its replies, which was not asked for; use one "
            "that does not."
        )
    if status == 200:
        return
    said = _said(response)
    if status in _PASSING:
        seconds = _asked_wait(response.headers.get("retry-after", ""))
        why = "too many requests (429)" if status == 429 else f"it failed with status {status}"
        if seconds > _LONGEST_WAIT:
            said += f"; it asks to wait {seconds:,.0f} seconds"
        raise _PassingError(why + said, seconds)
    raise EndpointError(
        f"the endpoint {endpoint.url} refuses the request for {endpoint.model!r} with status "
        f"{status}{said}."
    )


def _asked_wait(header: str) -> float:
    """The seconds of a Retry-After header, which holds a number or a date; 0 without one."""
    from email.utils import parsedate_to_datetime

    if header.strip().replace(".", "", 1).isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _said(response: Any) -> str:
    """What the server says of an error, in a few words."""
    try:
        content = b""
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > 20_000:
                break
        value = json.loads(content.decode("utf-8", "replace"))
        value = value.get("error", value.get("detail", value)) if isinstance(value, dict) else value
        message = value.get("message") if isinstance(value, dict) else value
    except Exception:
        return ""
    text = " ".join(str(message).split())[:200].rstrip(".") if message else ""
    return f": {text}" if text else ""


def _events(response: Any, left: threading.Event) -> Iterator[dict[str, Any]]:
    """The JSON values of a stream of server-sent events, or of a reply that is not streamed.

    Raises:
        _PassingError: what comes is neither.
    """
    parts: list[str] = []
    size, plain = 0, ""
    for chunk in response.iter_text():
        size += len(chunk)
        if left.is_set():
            return
        if size > _LONGEST_REPLY:
            raise _PassingError("it sends more than an answer can be")
        parts.append(chunk)
        if "\n" not in chunk:
            continue
        *lines, rest = "".join(parts).split("\n")
        parts = [rest]
        for line in lines:
            if line.startswith("data:"):
                yield _event(line)
            elif not line.startswith((":", "event:", "id:", "retry:")):
                plain += line
    rest = "".join(parts)
    if rest.startswith("data:"):
        yield _event(rest)
    elif (plain + rest).strip():
        value = _json(plain + rest)
        if "choices" not in value:
            raise _PassingError("it sends something else than answers")
        yield value


def _event(line: str) -> dict[str, Any]:
    data = line.removeprefix("data:").strip()
    return {"choices": [{"finish_reason": "stop"}]} if data == "[DONE]" else _json(data)


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _PassingError("it sends something else than answers")
    if value.get("error"):
        error = value["error"]
        message = error.get("message") if isinstance(error, dict) else error
        raise _PassingError(f"it failed: {' '.join(str(message).split())[:200]}")
    return value


def _take(event: dict[str, Any], reply: _Reply, seconds: float) -> str:
    """Take an event's text in; the text that it brought."""
    try:
        usage = event.get("usage") or {}
        if usage.get("prompt_tokens") is not None:
            reply.prompt_tokens = int(usage["prompt_tokens"])
        choices = event.get("choices") or []
        if not choices:
            return ""
        choice = choices[0]
        part = choice.get("delta") or choice.get("message") or choice
        text = part.get("content") or part.get("text") or ""
        if not isinstance(text, str):
            raise TypeError
        if choice.get("finish_reason") is not None:
            reply.reason = str(choice["finish_reason"])
    except (AttributeError, TypeError, ValueError, KeyError, IndexError, OverflowError):
        raise _PassingError("it sends something else than answers") from None
    if text:
        reply.tokens.append(Token(None, text, None, seconds))
    return text


def with_patience(model: EndpointModel, patience: Patience) -> EndpointModel:
    """The same model, waited for otherwise."""
    return replace(model, patience=patience)
