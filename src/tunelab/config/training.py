"""The section of a study on training."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tunelab.config.values import Count, Integer, Number, Section, Text

# What a row of each label weighs in the loss; Sampling: which rows an epoch has.
ClassWeights = Literal["balanced"] | dict[Text, Annotated[Number, Field(gt=0, le=1e6)]] | None
Sampling = Literal["as they are", "balanced"]
Scheduler = Literal[
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
]


class EarlyStopping(Section):
    """When training ends before its last epoch."""

    metric: Literal["eval_loss", "eval_perplexity"] = Field(
        "eval_loss", description="what must go on falling: eval_loss or eval_perplexity"
    )
    patience: Count = Field(4, description="evaluations without a better value before the end")
    min_delta: Annotated[Number, Field(ge=0)] = Field(
        0.0, description="smallest fall that counts as better"
    )


class Training(Section):
    """How a method is trained."""

    seeds: Annotated[list[Integer], Field(min_length=1, max_length=1000)] = Field(
        default_factory=lambda: [42], description="one training run for each"
    )
    epochs: Annotated[Number, Field(gt=0)] = Field(3.0, description="passes over the rows")
    batch_size: Count = Field(
        16, description="rows of a batch, which several processes divide among them"
    )
    batch_tokens: Count | None = Field(
        None, description="tokens of a batch at most, in place of batch_size"
    )
    gradient_accumulation: Count = Field(1, description="batches in an optimizer step")
    learning_rate: Annotated[Number, Field(gt=0)] = Field(1e-3, description="highest learning rate")
    scheduler: Scheduler = Field("cosine", description="transformers' name of the schedule")
    warmup: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.05, description="share of the steps in which the learning rate rises"
    )
    weight_decay: Annotated[Number, Field(ge=0)] = Field(0.0, description="AdamW's weight decay")
    max_grad_norm: Annotated[Number, Field(gt=0)] = Field(
        1.0, description="gradients are scaled down to this norm"
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: what the device runs fast"
    )
    evaluate_every: Annotated[Number, Field(gt=0)] = Field(
        0.5, description="epochs between two evaluations, and two checkpoints"
    )
    early_stopping: EarlyStopping | None = Field(
        default_factory=EarlyStopping, description="null: train to the last epoch"
    )
    packing: bool = Field(
        True, description="run the rows of a batch as one sequence, without padding"
    )
    shared_prefix: bool = Field(
        True, description="run the tokens that all rows begin with once a batch; needs packing"
    )
    fused: bool | Literal["auto"] = Field(
        "auto", description="layers in fused form, to the same result; auto: on a CPU"
    )
    class_weights: ClassWeights = Field(
        None,
        description="what a row weighs in the loss by its label: balanced, or {label: weight}, 1 "
        "for others; null: all alike",
    )
    sampling: Sampling = Field(
        "as they are",
        description="rows of an epoch: as they are, or balanced: as many, drawn so that each label "
        "has the same number",
    )
    tracking: list[Text] = Field(
        default_factory=lambda: ["tensorboard"], description="transformers' report_to names"
    )

    def key(self, *, exclude: set[str]) -> dict[str, Any]:
        """What decides the outcome of a training, without what is set elsewhere.

        Weights and sampling are in it only where they are set: what was trained before they were
        there stays valid.
        """
        later = {"class_weights", "sampling"}
        unset = {
            name for name in later if getattr(self, name) == type(self).model_fields[name].default
        }
        return self.model_dump(exclude={*exclude, *unset})

    @model_validator(mode="after")
    def _one_measure_of_a_batch(self) -> "Training":
        if self.sampling == "balanced" and self.batch_tokens is not None:
            raise ValueError(
                "sampling=balanced draws other rows for each epoch, which batch_tokens cannot "
                "divide; use batch_size instead"
            )
        return self

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("names a seed twice")
        if any(not 0 <= seed < 2**32 for seed in seeds):
            raise ValueError("must hold seeds from 0 to 4294967295")
        return seeds
