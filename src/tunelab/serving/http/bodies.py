"""What requests hold: JSON that is read strictly, and the fields of each kind of request."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tunelab.data.text_identity import identity
from tunelab.errors import UsageError
from tunelab.guards.validation import validated
from tunelab.serving.http.refusals import RequestError
from tunelab.serving.http.settings import ServeSettings

Model = TypeVar("Model", bound=BaseModel)

# A number that JSON's own numbers cannot hold would become infinite.
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
_MOST_ANSWERS = 16
_MOST_STOPS = 16


class ClassifyRequest(BaseModel):
    """Texts to label: either ``text`` or ``texts``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = Field(
        None, description="the id of a classifier; may be left out where there is one"
    )
    text: str | None = Field(None, description="one text")
    texts: list[str] | None = Field(None, description="many texts")
    probabilities: bool = Field(True, description="whether to give the labels' probabilities")


class TextPart(BaseModel):
    """A part of a message."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """A message of a conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    name: str | None = Field(None, description="is not used")

    @property
    def text(self) -> str:
        """The content as one text."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream holds besides the text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = False


class ResponseFormat(BaseModel):
    """The form of the answer: text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"]


class ChatRequest(BaseModel):
    """A conversation to answer, as OpenAI's clients send it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str = Field(description="the id of a language model")
    messages: list[ChatMessage] = Field(min_length=1)
    temperature: _Finite | None = Field(None, description="default: 0, the likeliest token")
    top_p: _Finite | None = None
    top_k: int | None = Field(None, description="as in tunelab generate")
    min_p: _Finite | None = Field(None, description="as in tunelab generate")
    repetition_penalty: _Finite | None = Field(None, description="as in tunelab generate")
    max_tokens: int | None = Field(None, description="default: 128")
    max_completion_tokens: int | None = Field(None, description="another name of max_tokens")
    stop: str | list[str] | None = None
    seed: int | None = Field(None, description="default: 42")
    n: Annotated[int, Field(ge=1, le=_MOST_ANSWERS)] | None = None
    logprobs: bool | None = None
    top_logprobs: Literal[0] | None = Field(None, description="0: only those of chosen tokens")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    frequency_penalty: Literal[0] | None = Field(None, description="has no other value than 0")
    presence_penalty: Literal[0] | None = Field(None, description="has no other value than 0")
    user: str | None = Field(None, description="is not used")
    metadata: dict[str, str] | None = Field(None, description="is not used")
    store: Literal[False] | None = Field(None, description="nothing is stored")


class TextResult(BaseModel):
    """The answer to one text."""

    label: str | None = Field(description="null where the classifier gives none")
    reason: str | None = Field(description="why there is no label")
    probabilities: dict[str, float] | None = Field(description="of each label, with the sum 1")
    confidence: float | None = Field(
        description="the calibrated probability of the likeliest label, which the threshold is "
        "compared with; null without a rule of review"
    )
    needs_review: bool | None = Field(
        description="whether a person should look at it; null where the classifier has no rule"
    )
    label_set: list[str] | None = Field(
        description="the labels that may be the true one, the likeliest first; null where the rule "
        "has no label sets"
    )


class ClassifyResponse(BaseModel):
    """The labels of texts, in their order, and what gave them."""

    model: str
    base_model: str | None
    model_hash: str | None = Field(description="of the base model's files")
    classifier_hash: str | None = Field(description="of the classifier's files")
    prompt_hash: str | None = Field(description="of the prompt; null without one")
    labels: list[str] = Field(description="all labels that the classifier knows")
    threshold: float | None = Field(
        description="a confidence below it needs a review; null without a rule, and where no "
        "threshold keeps the rule, so that every text needs one"
    )
    coverage: float | None = Field(
        description="the share of label sets that should hold the true label; null without them"
    )
    results: list[TextResult]


class ErrorDetail(BaseModel):
    """What was wrong, for a person and for a program."""

    message: str
    type: str


class ErrorResponse(BaseModel):
    """The one form of an error."""

    error: ErrorDetail


def read_body(body: bytes, model: type[Model]) -> Model:
    """The request in a body.

    Raises:
        RequestError: it is not UTF-8, not JSON, holds a number that is none, a key twice or half
            a character, or a field is unknown, missing or of the wrong type.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(
            400, f"the body is not UTF-8 (byte {error.start}); encode it in UTF-8."
        ) from None
    try:
        values = json.loads(text, parse_constant=_refuse_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            where = f" ({error.msg}, character {error.pos})"
        raise RequestError(400, f"the body is not JSON{where}; send a JSON object.") from None
    if not isinstance(values, dict):
        raise RequestError(400, 'the body must be a JSON object, as in {"text": "…"}.')
    if _HALF_CHARACTER.search(body) and _has_half_character(values):
        raise RequestError(
            400, "a text holds half of a surrogate pair, which is no character; send it whole."
        )
    try:
        return validated(model, values)
    except UsageError as error:
        raise RequestError(400, str(error)) from None


def texts_of(request: ClassifyRequest, settings: ServeSettings) -> tuple[str, ...]:
    """The texts of a request.

    Raises:
        RequestError: there are none, or both kinds, too many, or one is blank or too long.
    """
    if (request.text is None) == (request.texts is None):
        raise RequestError(400, "give either text, a string, or texts, a list of strings.")
    texts = (request.text,) if request.text is not None else tuple(request.texts or ())
    if not texts:
        raise RequestError(400, "texts is empty; give at least one text.")
    if len(texts) > settings.texts:
        raise RequestError(
            413,
            f"texts holds {len(texts)} texts and {settings.texts} are taken; send several "
            "requests.",
        )
    for number, text in enumerate(texts):
        what = "the text" if request.text is not None else f"texts[{number}]"
        if len(text) > settings.characters:
            raise RequestError(
                413,
                f"{what} has {len(text)} characters and {settings.characters} are taken; "
                "shorten it.",
            )
        if not identity(text):
            raise RequestError(400, f"{what} is empty or blank; leave it out.")
    return texts


def messages_of(request: ChatRequest, settings: ServeSettings) -> list[dict[str, str]]:
    """The conversation of a request; a developer's message is a system's.

    Raises:
        RequestError: it is too long.
    """
    found = [
        {"role": "system" if one.role == "developer" else one.role, "content": one.text}
        for one in request.messages
    ]
    length = sum(len(one["content"]) for one in found)
    if length > settings.characters:
        raise RequestError(
            413,
            f"the conversation has {length} characters and {settings.characters} are taken; "
            "shorten it.",
        )
    return found


def generation_values(request: ChatRequest, settings: ServeSettings) -> Mapping[str, Any]:
    """The settings of generation that a request names, by tunelab's names.

    Raises:
        RequestError: more tokens are asked for than the service writes, or a value is wrong.
    """
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        raise RequestError(400, "give either max_tokens or max_completion_tokens.")
    if request.stream_options is not None and not request.stream:
        raise RequestError(400, "stream_options needs stream: true.")
    answers = request.n or 1
    tokens = request.max_completion_tokens or request.max_tokens or 1
    if tokens * answers > settings.new_tokens:
        raise RequestError(
            400,
            f"{tokens * answers} tokens are asked for and {settings.new_tokens} are written at "
            f"most, in all answers together; lower max_tokens{' or n' if answers > 1 else ''}.",
        )
    stop = [request.stop] if isinstance(request.stop, str) else request.stop
    if stop is not None and len(stop) > _MOST_STOPS:
        raise RequestError(400, f"stop holds more than {_MOST_STOPS} strings; give fewer.")
    given: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "min_p": request.min_p,
        "repetition_penalty": request.repetition_penalty,
        "max_new_tokens": request.max_completion_tokens
        if request.max_completion_tokens is not None
        else request.max_tokens,
        "stop": None if stop is None else tuple(stop),
        "seed": request.seed,
        "samples": request.n,
    }
    named = {name: value for name, value in given.items() if value is not None}
    return {"max_new_tokens": min(128, settings.new_tokens // answers), **named}


def _refuse_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _has_half_character(value: Any) -> bool:
    """Whether a string in a JSON value cannot be encoded."""
    if isinstance(value, dict):
        return any(_has_half_character(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(map(_has_half_character, value))
    if isinstance(value, str):
        return any("\ud800" <= sign <= "\udfff" for sign in value)
    return False
