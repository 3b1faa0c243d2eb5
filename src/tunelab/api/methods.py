"""What the methods do, and when a training stops."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MethodExplanation:
    """How a method works, from its own file.

    ``text`` is Markdown with formulas, ``source`` the paper and ``url`` its address. ``drawing``
    is an SVG of where it acts in a block of the model. ``learning_rate`` is its own default, None
    where it takes the study's; ``merges`` whether it can be merged into the model's weights.
    """

    name: str
    title: str
    text: str
    source: str
    url: str
    learning_rate: float | None
    merges: bool
    drawing: str = field(repr=False)

    def __str__(self) -> str:
        """The explanation as Markdown."""
        return f"### {self.title}\n\n{self.text}\n\n{self.source}, <{self.url}>."

    def _repr_html_(self) -> str:
        paragraphs = "".join(f"<p>{escape(part)}</p>" for part in self.text.split("\n\n"))
        return f"<h3>{escape(self.title)}</h3>{paragraphs}{self.drawing}"


def explain(method: str) -> MethodExplanation:
    """Explain a method, such as lora, and draw where it acts.

    Raises:
        UsageError: there is no method of that name.
    """
    from tunelab.methods.contract import find_method
    from tunelab.methods.explained import explain as explanation_of
    from tunelab.report.drawings import draw_method

    found, adapting = explanation_of(method), find_method(method)
    blocks = [
        f"```text\n{block}\n```" if formula else block.replace("``", "`")
        for formula, block in found.blocks
    ]
    return MethodExplanation(
        name=method,
        title=f"{found.known_as}: {found.title}",
        text="\n\n".join(blocks),
        source=found.source,
        url=found.url,
        learning_rate=adapting.learning_rate,
        merges=adapting.merge is not None,
        drawing=draw_method(method),
    )


def early_stopping(
    losses: Sequence[float], *, patience: int | None, min_delta: float = 0.0
) -> "pd.DataFrame":
    """What the callback of the training does after each of these validation losses.

    A row for each evaluation until training stops: evaluation (from 1), loss (nats a token),
    perplexity, ``best`` (the evaluation whose weights are kept) and stops.
    """
    import pandas as pd
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from tunelab.training.callbacks import LossTracker, perplexity

    tracker = LossTracker("eval_loss", patience, min_delta, keeps_best=False)
    arguments, state, control = TrainingArguments(), TrainerState(), TrainerControl()
    rows = []
    for evaluation, loss in enumerate(losses, start=1):
        state.global_step = evaluation
        tracker.on_evaluate(arguments, state, control, {"eval_loss": loss})
        rows.append(
            {
                "evaluation": evaluation,
                "loss": loss,
                "perplexity": perplexity(loss),
                "best": tracker.best_step,
                "stops": control.should_training_stop,
            }
        )
        if control.should_training_stop:
            break
    return pd.DataFrame(rows)
