"""The settings of an estimate: a training step, and the device that it runs on."""

from dataclasses import dataclass
from typing import Any

from tunelab.errors import UsageError
from tunelab.methods.contract import Method
from tunelab.training.train import MERGE_FROM

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
OPTIMIZERS = ("adamw", "adamw-8bit", "sgd")
WEIGHTS = ("8-bit", "4-bit")
SHARDINGS = ("ddp", "fsdp")


@dataclass(frozen=True)
class StepSettings:
    """A training step of ``batch`` rows of ``length`` tokens each, on every device.

    ``prefix``: how many of a row's tokens are those of all rows and run once. ``answer``: how
    many of a row's last tokens are trained; None for all but the first, as tools do that train
    on whole rows. ``head``: labels of a head that is trained on the last token of the prompt, in
    place of an answer in words; None for words. ``packed``: rows as one sequence; else each row
    in full, with padding. ``precision``: of the arithmetic and, where a method lets them, of the
    weights. ``weights``: 8-bit or 4-bit for quantized ones. ``device``: cpu or cuda, whose steps
    differ.
    """

    batch: int = 16
    length: int = 128
    prefix: int = 0
    answer: int | None = 3
    packed: bool = True
    precision: str = "float32"
    weights: str | None = None
    optimizer: str = "adamw"
    checkpointing: bool = False
    devices: int = 1
    sharding: str = "ddp"
    device: str = "cpu"
    head: int | None = None

    @property
    def trained(self) -> int:
        """Trained tokens of a row; with a head, its one label."""
        most = self.length - 1
        if self.head is not None:
            return 1
        return most if self.answer is None else min(self.answer, most)

    @property
    def own(self) -> int:
        """Tokens of a row after the prefix."""
        return self.length - self.prefix

    @property
    def run(self) -> int:
        """Tokens of a row that are run: packed rows leave out the last, which predicts nothing."""
        return self.own - self.packed

    @property
    def tokens(self) -> int:
        """Tokens that a step runs."""
        return self.prefix + self.batch * self.run

    @property
    def fused(self) -> bool:
        """Whether layers run in the fused form that tunelab takes on a CPU in float32."""
        return self.device == "cpu" and self.precision == "float32"

    @property
    def merges(self) -> bool:
        """Whether fused LoRA layers merge their product into the weight."""
        return self.fused and self.tokens >= MERGE_FROM


def check(settings: StepSettings, method: Method[Any]) -> None:
    """Refuse a step that is impossible, before anything is built.

    Raises:
        UsageError: as said, with the nearest that can.
    """
    for name in ("batch", "length", "devices"):
        if getattr(settings, name) < 1:
            raise UsageError(f"{name} must be 1 or more.")
    if settings.head is not None and settings.head < 2:
        raise UsageError("a head has 2 labels or more.")
    if settings.length < 2:
        raise UsageError("length must be 2 or more: a token is predicted from one before it.")
    if settings.answer is not None and not 1 <= settings.answer < settings.length:
        raise UsageError(
            f"answer must be from 1 to {settings.length - 1}, below the length; or all tokens."
        )
    last = settings.length - settings.trained
    if not 0 <= settings.prefix < max(1, last):
        raise UsageError(
            f"a prefix of {settings.prefix} leaves no token before the trained ones of a row of "
            f"{settings.length}; use {max(0, last - 1)} or less."
        )
    if settings.prefix and not settings.packed:
        raise UsageError("a shared prefix needs packed rows; pack them, or leave out the prefix.")
    if settings.weights and method.trains_all_weights:
        raise UsageError(
            f"{settings.weights} weights cannot be trained, as {method.name} does; use the "
            "method lora."
        )
    if settings.precision == "float16" and settings.device == "cpu":
        raise UsageError("float16 needs a GPU; use bfloat16, or the device cuda.")
    if settings.checkpointing and not settings.packed and method.virtual_in_attention_alone:
        raise UsageError(
            f"{method.name} cannot be trained with checkpointing where rows are padded; pack the "
            "rows, leave out checkpointing, or use the method prompt_tuning."
        )


def check_runs(settings: StepSettings) -> None:
    """Refuse to trace or run what only the formulas cover.

    Raises:
        UsageError: as said, with what can be run.
    """
    for given, option in (
        (settings.weights, f"--weights {settings.weights}"),
        (settings.optimizer == "adamw-8bit", "--optimizer adamw-8bit"),
        (settings.devices > 1, f"--devices {settings.devices}"),
    ):
        if given:
            raise UsageError(
                f"{option} is estimated by formula alone; leave out --trace and --measure, or it."
            )
