"""The sections of a study on what is compared: the prompt, models, methods and classifiers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tunelab.config.values import Candidate, Integer, Section, Text

AnswersWith = Literal["words", "head"]


class Prompt(Section):
    """What a model is asked. The same prompt is used in training and in evaluation."""

    system: Text = Field(
        "Classify the text. Answer with exactly one of these labels and nothing else: {labels}.",
        description="the instruction; {labels} becomes the names of the labels",
    )
    descriptions: dict[Text, Text] = Field(
        default_factory=dict,
        description="what labels mean, {label: text}: a line for each, where system has "
        "{descriptions}, or else below it",
    )
    style: Literal["chat", "plain"] = Field(
        "chat", description="chat: the model's own template; plain: text alone, as for base models"
    )
    max_length: Annotated[Integer, Field(ge=8, le=10**7)] = Field(
        256, description="tokens of a row at most; longer texts are cut at their end"
    )
    variants: Annotated[list[Text], Field(max_length=20)] = Field(
        default_factory=list,
        description="other wordings of system: models that read a prompt are asked, and methods "
        "trained, under each of them too",
    )

    @property
    def decides(self) -> dict[str, Any]:
        """What decides the answers under the first wording, as values of a stage's key."""
        return self.model_dump(exclude={"variants"})


class Models(Section):
    """The two models that are compared before any fine-tuning."""

    base: Text | None = Field("gemma-3-270m", description="a base model, or null for none")
    instruct: Text | None = Field(
        "smollm2-135m-instruct", description="an instruction-tuned model, or null for none"
    )


class MethodEntry(BaseModel):
    """One way to adapt a model. The method's own settings stand beside these keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Text = Field(description="the method: full, lora, dora, ia3, ...; see methods/")
    id: Text | None = Field(
        None,
        description="what the results call it; by default the name, and NAME-head with a head",
    )
    model: Text = Field("instruct", description="base, instruct, or the name of a model")
    answers: AnswersWith = Field(
        "words",
        description="words: the model writes the label; head: a linear layer on the last token "
        "gives a score for each label",
    )
    learning_rate: Candidate | None = Field(
        None,
        description="this method's own, instead of the study's; choose, or a list: chosen on a "
        "part of the training rows",
    )
    epochs: Candidate | None = Field(
        None,
        description="this method's own, instead of the study's; choose, or a list: chosen on a "
        "part of the training rows",
    )

    @property
    def called(self) -> str:
        """What the results call it."""
        return self.id or self.name + ("-head" if self.answers == "head" else "")

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that only this method knows."""
        return dict(self.model_extra or {})


class ClassifierEntry(BaseModel):
    """A classifier beside the models and methods. Its own settings stand beside these keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Text = Field(description="what the results call it")
    use: Text | None = Field(
        None,
        description="the kind: majority, tfidf-svm, tfidf-logistic, tfidf-characters, embedding, "
        "setfit, encoder, asked, entailment, hosted, one of a plug-in, or package.module:function "
        "that makes a scikit-learn classifier; the name by default",
    )

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that only this kind of classifier knows."""
        return dict(self.model_extra or {})
