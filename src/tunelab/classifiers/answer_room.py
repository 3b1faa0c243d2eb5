"""Whether every label of a study can be answered: read back, told apart, and short enough."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.config import Evaluation, Prompt, Study
from tunelab.errors import TunelabError, UsageError
from tunelab.evaluation.parsing.answers import parse_answer, prove
from tunelab.models.loading import load_tokenizer
from tunelab.prompts.conversation import format_of, write_instruction
from tunelab.prompts.encoding import Encoder

# Tokens that a model which was not trained to answer with a label alone may write before it.
PREAMBLE = 16

_log = logging.getLogger(__name__)


def answer_limit(encoder: Encoder, evaluation: Evaluation) -> int:
    """The tokens of an answer at most: the setting, or as many as the labels need.

    Raises:
        UsageError: the setting is smaller than a label.
    """
    if evaluation.max_new_tokens is None:
        return encoder.answer_room + (0 if encoder.trained else PREAMBLE)
    if evaluation.max_new_tokens < encoder.answer_room:
        longest = max(encoder.answers, key=lambda label: len(encoder.answers[label]))
        raise UsageError(
            f"evaluation.max_new_tokens={evaluation.max_new_tokens} leaves no room for the label "
            f"{_short(longest)}, which takes {encoder.answer_room} tokens with its end; set it to "
            f"{encoder.answer_room} or more, or to null."
        )
    return evaluation.max_new_tokens


def check_answers(study: Study, labels: Sequence[str]) -> None:
    """Prove for each model of a study that each label can be answered, before anything is asked.

    Models that answer through a head alone write no label.

    A model that cannot be fetched is left out: the cells that need it report why.

    Raises:
        UsageError: two labels cannot be told apart, a label has no room, or the prompt describes a
            label that is not there.
    """
    check_parsing(labels)
    write_instruction(study.prompt.system, labels, study.prompt.descriptions)
    roles = [study.models.base, study.models.instruct]
    named = [entry.model for entry in study.methods if entry.answers == "words"]
    own = {"base": study.models.base, "instruct": study.models.instruct}
    models = [*roles, *(own.get(name, name) for name in named)]
    for name in dict.fromkeys(filter(None, models)):
        try:
            tokenizer = load_tokenizer(name)
        except TunelabError:
            continue
        check_model(tokenizer, study.prompt, labels, study.evaluation, name=name)


def check_model(
    tokenizer: Any, prompt: Prompt, labels: Sequence[str], evaluation: Evaluation, *, name: str
) -> None:
    """Prove that each label can be answered with a tokenizer.

    A prompt that the tokenizer's template cannot render is left to the cell that needs it.

    Raises:
        UsageError: as :func:`check_encoder`.
    """
    format = format_of(tokenizer, prompt, labels)
    try:
        encoder = Encoder(tokenizer, format)
    except TunelabError:
        return
    check_encoder(encoder, evaluation, name=name)


def check_encoder(encoder: Encoder, evaluation: Evaluation, *, name: str) -> None:
    """Prove that the tokens of each label are its own and are read as the label.

    Raises:
        UsageError: two labels have the same tokens, a label is read as another or as none, or a
            label has no room.
    """
    if "generate" in evaluation.modes:
        try:
            answer_limit(encoder, evaluation)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
    same: dict[tuple[int, ...], str] = {}
    for label, ids in encoder.answers.items():
        other = same.setdefault(ids, label)
        if other != label:
            raise UsageError(
                f"the tokenizer of {name} makes the same tokens of the labels {_short(other)} and "
                f"{_short(label)}, so that they cannot be told apart; rename one."
            )
    if "generate" not in evaluation.modes:
        return
    for label, text in decoded_labels(encoder).items():
        if parse_answer(text, encoder.format.labels).label != label:
            raise UsageError(
                f"the tokenizer of {name} cannot write the label {_short(label)}: its tokens "
                f"read {_short(text)}; rename it, or choose another model."
            )


def decoded_labels(encoder: Encoder) -> Mapping[str, str]:
    """The text of each label's tokens, as an answer is read."""
    decode = encoder.tokenizer.decode
    return {
        label: str(decode(list(ids[:-1]), skip_special_tokens=True)).strip()
        for label, ids in encoder.answers.items()
    }


def check_parsing(labels: Sequence[str]) -> None:
    """Prove that each label is read as itself; say which are not with marks around them.

    Raises:
        UsageError: a label is not read as itself.
    """
    for label, (dressing, parsed) in prove(labels).items():
        read = "no label" if parsed.label is None else f"the label {_short(parsed.label)}"
        if dressing == "{label}":
            raise UsageError(
                f"the label {_short(label)} is read as {read} in an answer; rename it so that "
                "answers can tell it from the others."
            )
        _log.warning(
            "an answer that writes the label %s as %s is read as %s; the label alone is read "
            "as itself. Rename it if models may write it so.",
            _short(label),
            _short(dressing.replace("{label}", label)),
            read,
        )


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
