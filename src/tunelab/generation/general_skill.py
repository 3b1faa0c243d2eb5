"""What a model can do beside its task: how well it reads plain text, and simple questions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunelab.generation.local_model import LocalModel
from tunelab.generation.open_prompts import OpenPrompt
from tunelab.generation.settings import GenerationSettings
from tunelab.generation.side_by_side import as_prompt
from tunelab.progress import row_bar
from tunelab.prompts.tokens import encode_text, leading_tokens


@dataclass(frozen=True)
class GeneralSkill:
    """``nats`` holds for each sentence the mean negative log-probability of a token, None where
    nothing is predicted in it; ``right`` whether each prompt was answered rightly.
    """

    nats: tuple[float | None, ...]
    right: tuple[bool, ...]

    def to_dict(self) -> dict[str, Any]:
        """Both as JSON values."""
        return asdict(self)


def measure_skill(
    model: Any,
    tokenizer: Any,
    sentences: Sequence[str],
    prompts: Sequence[OpenPrompt],
    *,
    max_new_tokens: int,
    title: str,
) -> GeneralSkill:
    """Read sentences and answer prompts, the likeliest token each time."""
    nats = []
    with row_bar(f"{title} reads") as bar:
        for sentence in sentences:
            nats.append(mean_nats(model, tokenizer, sentence))
            bar.update(1)
    local = LocalModel(title, model, tokenizer)
    settings = GenerationSettings(max_new_tokens=max_new_tokens)
    answers = local.answer([as_prompt(local, one.text) for one in prompts], settings)
    return GeneralSkill(
        tuple(nats),
        tuple(
            bool(prompt.right(found[0].text))
            for prompt, found in zip(prompts, answers, strict=True)
        ),
    )


def mean_nats(model: Any, tokenizer: Any, text: str) -> float | None:
    """The mean negative log-probability of a text's tokens, in nats.

    They are predicted after the tokenizer's BOS; where it has none, after the text's first token.
    None where no token is left to predict.
    """
    import torch

    ids = [*leading_tokens(tokenizer), *encode_text(tokenizer, text)[0]]
    if len(ids) < 2:
        return None
    row = torch.tensor([ids], device=model.device)
    with torch.inference_mode():
        scores = model(input_ids=row).logits[0, :-1].float().log_softmax(-1)
        chosen = scores.gather(-1, row[0, 1:, None])
    return -float(chosen.mean())
