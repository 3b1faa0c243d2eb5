"""Checks on encoded rows that stop a run before anything is trained."""

from collections.abc import Sequence

from tunelab.errors import RunError
from tunelab.prompts.encoding import IGNORED, EncodedExample, Encoder


def check_rows(encoder: Encoder, rows: Sequence[EncodedExample], texts: Sequence[str]) -> None:
    """Refuse rows that would teach a model anything but the answer.

    Raises:
        RunError: a row without a trained token, an answer without its stop token, a token
            before the answer that is trained, or a prompt that differs by one token id from
            the prompt at inference. The message names the row, counted from 1.
    """
    for number, (row, text) in enumerate(zip(rows, texts, strict=True), start=1):
        trained = [position for position, label in enumerate(row.labels) if label != IGNORED]
        if not trained:
            raise RunError(f"row {number} has no trained token; check its label.")
        if row.labels[-1] not in encoder.stop_tokens:
            raise RunError(f"row {number} does not end with a trained stop token.")
        if trained != list(range(row.prompt_length, len(row.ids))) or any(
            row.ids[position] != row.labels[position] for position in trained
        ):
            raise RunError(f"row {number} trains other tokens than its answer.")
        if encoder.prompt(text).ids != row.ids[: row.prompt_length]:
            raise RunError(f"row {number} would be asked with another prompt than trained.")
