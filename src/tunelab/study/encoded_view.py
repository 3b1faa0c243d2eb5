"""What a model would be trained on: lengths, and rows token by token."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunelab.config import AnswersWith, Study
from tunelab.models.loading import load_tokenizer
from tunelab.prompts.checks import check_rows
from tunelab.prompts.conversation import Message, PromptFormat, format_of, make_messages
from tunelab.prompts.encoding import Encoder, encode_examples, encode_for_head
from tunelab.prompts.viewer import LengthReport, RowView, measure_lengths, view_row
from tunelab.study.prepare import PreparedData
from tunelab.study.resolution import model_card


@dataclass(frozen=True)
class EncodedView:
    """The encoding of the training rows for one model.

    ``rows`` are the first ones, token by token, with the conversation that each was made of
    (``messages``) and the token ids of its prompt when the model is asked (``prompts``). With
    ``answers`` of head no token is trained: the head learns the number of the label in ``labels``
    of the prompt from the last token, and the ``answer`` of a row is that label.
    """

    model: str
    format: PromptFormat
    lengths: LengthReport
    rows: Sequence[RowView]
    messages: Sequence[Sequence[Message]] = ()
    prompts: Sequence[Sequence[int]] = ()
    answers: AnswersWith = "words"


def view_encoding(study: Study, data: PreparedData, *, model: str | None, show: int) -> EncodedView:
    """Encode and check the training rows, and show the first ``show`` of them.

    ``model`` is a role or a name; without one it is the first method's, else the instruct model.
    Rows are shown as the first method that trains this model has them, in words where none does.

    Raises:
        UsageError: the name is unknown.
        RunError: a row fails a check.
    """
    chosen = model or (study.methods[0].model if study.methods else "instruct")
    card = model_card(study, chosen)
    answers = _answers_of(study, card.name)
    tokenizer = load_tokenizer(card.name)
    format = format_of(tokenizer, study.prompt, data.labels)
    encoder = Encoder(tokenizer, format)
    train = data.splits["train"]
    texts = [row.text for row in train]
    truth = [row.label for row in train]
    if answers == "head":
        # Without the token that takes the place of an answer, which no token is predicted from.
        rows = [
            replace(row, ids=row.ids[:-1], labels=row.labels[:-1])
            for row in encode_for_head(encoder, texts, truth)
        ]
    else:
        rows = encode_examples(encoder, texts, truth)
        check_rows(encoder, rows, texts)
    lengths = measure_lengths(
        rows, max_length=study.prompt.max_length, batch_size=study.training.batch_size
    )
    shown = train[:show]
    return EncodedView(
        card.name,
        format,
        lengths,
        rows=[
            replace(view, answer=label) if answers == "head" else view
            for view, label in zip(
                (view_row(tokenizer, row) for row in rows[:show]), truth, strict=False
            )
        ],
        messages=[make_messages(format, row.text, row.label) for row in shown],
        prompts=[encoder.prompt(row.text).ids for row in shown],
        answers=answers,
    )


def _answers_of(study: Study, name: str) -> AnswersWith:
    """How the first method of a model answers."""
    own = (entry for entry in study.methods if model_card(study, entry.model).name == name)
    return next((entry.answers for entry in own), "words")
