"""The sections of a study on its labelled rows."""

from typing import Annotated, Literal

from pydantic import Field

from tunelab.config.values import Section, Size, Text

Fault = Literal["repeated", "conflicting", "shared"]


def _all_faults() -> list[Fault]:
    return ["repeated", "conflicting", "shared"]


class Sample(Section):
    """Rows of each split, drawn with the class proportions kept."""

    train: Size = Field("all", description="training rows, or all")
    validation: Size = Field("all", description="rows that early stopping watches, or all")
    test: Size = Field("all", description="rows that the comparison is made on, or all")


class Data(Section):
    """Where the labelled text comes from."""

    source: Text = Field(
        "starter", description="starter, a file, a folder, or a data set on the Hub"
    )
    text: Text = Field("text", description="column that holds the text")
    label: Text = Field("label", description="column that holds the label")
    group: Text | None = Field(
        None,
        description="column that says which rows belong together, such as author: they stay in "
        "one split, and intervals and tests count groups; null: all rows are independent",
    )
    slices: Annotated[list[Text], Field(max_length=20)] = Field(
        default_factory=list,
        description="what divides the test rows into parts with scores of their own: columns, "
        "length, script",
    )
    sample: Sample = Field(default_factory=Sample)
    drop: list[Fault] = Field(
        default_factory=_all_faults,
        description="faulty training rows to leave out: repeated, conflicting, shared",
    )
