"""What a model would be trained on: lengths, and rows token by token."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunelab.config import Study
from tunelab.models.loading import load_tokenizer
from tunelab.prompts.checks import check_rows
from tunelab.prompts.conversation import Message, PromptFormat, format_of, make_messages
from tunelab.prompts.encoding import Encoder, encode_examples
from tunelab.prompts.viewer import LengthReport, RowView, measure_lengths, view_row
from tunelab.study.prepare import PreparedData
from tunelab.study.resolution import model_card


@dataclass(frozen=True)
class EncodedView:
    """The encoding of the training rows for one model.

    ``rows`` are the first ones, token by token, with the conversation that each was made of
    (``messages``) and the token ids of its prompt when the model is asked (``prompts``).
    """

    model: str
    format: PromptFormat
    lengths: LengthReport
    rows: Sequence[RowView]
    messages: Sequence[Sequence[Message]] = ()
    prompts: Sequence[Sequence[int]] = ()


def view_encoding(study: Study, data: PreparedData, *, model: str | None, show: int) -> EncodedView:
    """Encode and check the training rows, and show the first ``show`` of them.

    ``model`` is a role or a name; without one it is the first method's, else the instruct model.

    Raises:
        UsageError: the name is unknown.
        RunError: a row fails a check.
    """
    chosen = model or (study.methods[0].model if study.methods else "instruct")
    card = model_card(study, chosen)
    tokenizer = load_tokenizer(card.name)
    format = format_of(tokenizer, study.prompt, data.labels)
    encoder = Encoder(tokenizer, format)
    train = data.splits["train"]
    texts = [row.text for row in train]
    rows = encode_examples(encoder, texts, [row.label for row in train])
    check_rows(encoder, rows, texts)
    lengths = measure_lengths(
        rows, max_length=study.prompt.max_length, batch_size=study.training.batch_size
    )
    shown = train[:show]
    return EncodedView(
        card.name,
        format,
        lengths,
        rows=[view_row(tokenizer, row) for row in rows[:show]],
        messages=[make_messages(format, row.text, row.label) for row in shown],
        prompts=[encoder.prompt(row.text).ids for row in shown],
    )
