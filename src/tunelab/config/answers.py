"""The sections of a study on the answers of its models: to the test rows, and to open prompts."""

from typing import Annotated, Literal

from pydantic import Field

from tunelab.config.values import Count, Integer, Number, Section, Text

Mode = Literal["generate", "score"]


def _both_modes() -> list[Mode]:
    return ["generate", "score"]


class Evaluation(Section):
    """How models answer the test rows."""

    modes: Annotated[list[Mode], Field(min_length=1)] = Field(
        default_factory=_both_modes,
        description="generate: parse the label from the answer; score: take the likeliest label; "
        "the first gives the scores that models are compared by",
    )
    max_new_tokens: Annotated[Count, Field(le=10**6)] | None = Field(
        None,
        description="tokens of an answer at most; null: as many as the longest label needs, and "
        "some more for a model that was not fine-tuned",
    )
    batch_size: Count = Field(128, description="rows that are asked together")
    normalize: Literal["sum", "mean"] = Field(
        "sum", description="a label's score: the sum over its tokens, or their mean"
    )
    calibrate: bool = Field(
        False, description="score labels relative to an empty text (contextual calibration)"
    )
    shots: Annotated[Integer, Field(ge=0, le=10**4)] = Field(
        0, description="training rows shown in the prompt when the base model is asked once more"
    )
    resamples: Annotated[Integer, Field(ge=100, le=10**6)] = Field(
        5000, description="bootstrap samples behind the intervals of F1"
    )
    facts_seconds: Annotated[Number, Field(ge=0, le=10**6)] = Field(
        5.0,
        description="seconds in which speed and memory of each classifier are measured once it "
        "has answered, or somewhat more; 0: not at all",
    )
    forgetting: bool = Field(
        False,
        description="read plain English and answer simple prompts with each fine-tuned language "
        "model and with its model before, to see what it forgot",
    )
    drift_reference: bool = Field(
        True,
        description="keep with each fitted classifier what predict compares new texts with: hashed "
        "words of up to 1,000 training texts, and the confusion matrix on the test rows",
    )
    baselines: list[Text] = Field(
        default_factory=lambda: ["majority", "tfidf-svm"],
        description="classifiers with their default settings: majority, tfidf-svm, tfidf-logistic, "
        "tfidf-characters, embedding, setfit, encoder",
    )


class Generation(Section):
    """Open prompts that models answer side by side."""

    prompts: Text | list[Text] = Field(
        "checkable", description="checkable, a file of prompts, or a list of them"
    )
    models: list[Text] = Field(
        default_factory=list,
        description="further models: names, folders, or http://HOST:PORT/v1#MODEL",
    )
    temperatures: Annotated[list[Annotated[Number, Field(ge=0)]], Field(min_length=1)] = Field(
        default_factory=lambda: [0.0, 0.7, 1.0],
        description="each is tried; claims speak of the first",
    )
    samples: Annotated[Count, Field(le=10**4)] = Field(
        3, description="answers to a prompt at each temperature but 0"
    )
    max_new_tokens: Annotated[Count, Field(le=10**6)] = Field(
        64, description="tokens of an answer at most"
    )
    top_k: Annotated[Integer, Field(ge=0)] = Field(0, description="the likeliest tokens, 0 for all")
    top_p: Annotated[Number, Field(gt=0, le=1)] = Field(
        1.0, description="the likeliest tokens that hold this share together"
    )
    min_p: Annotated[Number, Field(ge=0, le=1)] = Field(
        0.0, description="tokens of at least this share of the likeliest one's probability"
    )
    repetition_penalty: Annotated[Number, Field(gt=0)] = Field(
        1.0, description="above 1: what was said becomes less likely"
    )
