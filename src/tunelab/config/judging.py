"""The sections of a study on its results: claims, the decision, the label budget and reviews."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tunelab.config.values import Bytes, Count, Number, Section, Size, Text


class Claim(Section):
    """A statement that the report tests: left has more, less or about as much as right."""

    claim: Text = Field(description="the statement in words")
    metric: Text = Field(description="what is compared, such as accuracy or answer_tokens")
    left: Text = Field(description="a model, method, baseline or tokenizer of the study")
    right: Text | Number = Field(description="another, or a number")
    relation: Literal["more", "less", "about"] = Field(
        "more", description="what left is said to have, compared with right"
    )
    margin: Annotated[Number, Field(ge=0)] = Field(
        0.0, description="the smallest difference that matters"
    )
    language: Text = Field("en", description="of the sentences, where the metric is tokens")
    compares: Literal["training", "models"] = Field(
        "training",
        description="what a claim on a base and an instruction-tuned model speaks of: what "
        "training changed, which two families cannot show, or the two models as they are",
    )


class DecisionSettings(Section):
    """How the study decides which classifier to take."""

    metric: Text = Field(
        "accuracy", description="what the classifiers are compared in: a metric that reads labels"
    )


class Constraints(Section):
    """What the classifier to take may cost; null: no limit."""

    milliseconds: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="milliseconds for one text, the median, at most"
    )
    train_seconds: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="seconds of its training at most"
    )
    bytes: Bytes | None = Field(
        None, description="bytes on disk at most, those of a model that it reads included: 200MB"
    )
    memory: Bytes | None = Field(
        None, description="bytes of memory at most, to open it and to answer: 1GB"
    )
    price_per_1000: Annotated[Number, Field(ge=0)] | None = Field(
        None,
        description="what a provider is paid for a thousand answers at most, in the currency of "
        "the classifiers' prices",
    )


_BUDGET_SIZES: tuple[Size, ...] = (8, 16, 32, 64, 128, "all")


class Budget(Section):
    """From how many labelled rows fine-tuning pays: trainings on nested draws of several sizes."""

    per_class: Annotated[list[Size], Field(min_length=1, max_length=50)] = Field(
        default_factory=lambda: [*_BUDGET_SIZES],
        description="rows of each label that a draw has, in ascending order; all: every training "
        "row, in one draw",
    )
    draws: Annotated[Count, Field(le=1000)] = Field(
        10, description="draws of each size; the draw of a smaller size is a part of a larger one"
    )
    classifiers: Annotated[list[Text], Field(min_length=1)] | None = Field(
        None, description="names of classifiers and methods of the study; null: all that train"
    )
    stop: Literal["all", "decided"] = Field(
        "all",
        description="all: every training; decided: only those on which an answer still depends",
    )
    margin: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.01, description="the difference of accuracy that counts as about the same for decided"
    )

    @field_validator("per_class")
    @classmethod
    def _sizes_ascend(cls, sizes: list[Size]) -> list[Size]:
        numbers = [size for size in sizes if size != "all"]
        if sizes != sorted(set(numbers)) + ["all"] * ("all" in sizes):
            raise ValueError("must ascend, each size once and all at the end")
        return sizes

    @field_validator("classifiers")
    @classmethod
    def _classifiers_differ(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and len(set(names)) != len(names):
            raise ValueError("names a classifier twice")
        return names


class ReviewSettings(Section):
    """Which answers a person should look at."""

    accuracy: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.95, description="wanted share of right answers among those that no person looks at"
    )
    coverage: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.9, description="wanted share of label sets that hold the true label"
    )
