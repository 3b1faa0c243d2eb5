"""A whole study: its sections, its hash, and its form as a YAML file."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, field_validator

from tunelab.config.answers import Evaluation, Generation
from tunelab.config.classifiers import ClassifierEntry, MethodEntry, Models, Prompt
from tunelab.config.data import Data
from tunelab.config.judging import Budget, Claim, Constraints, DecisionSettings, ReviewSettings
from tunelab.config.training import Training
from tunelab.config.values import Integer, Section, Text
from tunelab.guards.validation import validated


class Study(Section):
    """What to do, from the data to the report."""

    name: Text = Field("study", description="names the run folder and the report")
    seed: Annotated[Integer, Field(ge=0, lt=2**32)] = Field(
        42, description="decides every draw but those of training"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="auto: cuda, then mps, then cpu"
    )
    data: Data = Field(default_factory=Data)
    prompt: Prompt = Field(default_factory=Prompt)
    models: Models = Field(default_factory=Models)
    tokenizers: list[Text] = Field(
        default_factory=list, description="tokenizers that the report compares on parallel text"
    )
    methods: list[MethodEntry] = Field(
        default_factory=lambda: [MethodEntry(name="lora")],
        description="ways to adapt a model; each is trained with each seed",
    )
    classifiers: list[ClassifierEntry] = Field(
        default_factory=list,
        description="further classifiers that are fitted to the same rows and compared",
    )
    training: Training = Field(default_factory=Training)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    budget: Budget | None = Field(
        None, description="null: every classifier is trained on all training rows alone"
    )
    generation: Generation | None = Field(None, description="null: no open prompts")
    conversations: list[Text] = Field(
        default_factory=list,
        description="conversations that are played with and without the template: names or files",
    )
    claims: list[Claim] = Field(
        default_factory=list, description="statements that the report gives a verdict on"
    )
    decision: DecisionSettings = Field(default_factory=DecisionSettings)
    constraints: Constraints = Field(default_factory=Constraints)
    review: ReviewSettings | None = Field(
        default_factory=ReviewSettings,
        description="when to ask a person: classifiers with probabilities answer the validation "
        "rows too; null: not at all",
    )
    disclosure: Text = Field("", description="printed in the report: which help was used")

    @field_validator("name")
    @classmethod
    def _name_is_a_plain_word(cls, name: str) -> str:
        plain = name.replace("-", "").replace("_", "").replace(".", "")
        if not plain.isalnum() or name.startswith(".") or len(name) > 100:
            raise ValueError("must be letters, digits, '-', '_' and '.', as it names a folder")
        return name


def fingerprint(value: Any, *, length: int = 64) -> str:
    """SHA-256 of a JSON value, written with sorted keys, as ``length`` hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def make_study(values: Mapping[str, Any]) -> Study:
    """Check nested dictionaries and return the study.

    Raises:
        UsageError: an unknown key, with the near matches, or a value of the wrong type.
    """
    return validated(Study, values)


def to_dict(study: Study) -> dict[str, Any]:
    """The study as plain values, every default written out."""
    return study.model_dump(mode="json")


def to_yaml(study: Study) -> str:
    """The study as YAML, every default written out, with its hash in the first line."""
    values = to_dict(study)
    body = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return f"# hash: {fingerprint(values)}\n{body}"
