"""A fine-tuned encoder: its files, and the labels and probabilities that it gives."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.classifiers import stored
from tunelab.classifiers.contract import Answers, Fitted, LabelAnswer, Size
from tunelab.classifiers.embedded_texts import token_ids
from tunelab.classifiers.fitted_pipeline import check_evaluation, recorded_labels
from tunelab.classifiers.skops_files import first_line
from tunelab.classifiers.text_graph import TextGraph, encoder_graph, merged
from tunelab.config import Evaluation
from tunelab.errors import RunError, TunelabError, UsageError
from tunelab.evaluation.predictions import Given
from tunelab.guards.refusals import check_finite, explain_errors, name_of
from tunelab.inference.sentence_embeddings import length_batches
from tunelab.methods.contract import find_method
from tunelab.models.encoders import LoadedEncoder, load_encoder
from tunelab.models.lineage import describe_origin
from tunelab.progress import row_bar
from tunelab.runs.folder_size import folder_bytes
from tunelab.runs.results import ADAPTER_RECORD, write_json
from tunelab.runs.seals import file_hashes, sealed

if TYPE_CHECKING:
    import numpy as np

__all__ = ["check_evaluation", "open_recorded", "recorded_labels"]

FORMAT = "encoder"
HEAD_FILE = "head.safetensors"
_BATCH_TOKENS = 4096
# A text as long as the encoder reads, on which it is seen whether its texts can be packed.
_LONG = "word " * 300


@dataclass(frozen=True)
class FittedEncoder:
    """An ``EncoderWithHead`` in evaluation; texts are cut at ``max_length`` tokens.

    ``method``: what was trained beside the head.
    """

    name: str
    encoder: LoadedEncoder
    model: Any
    labels: tuple[str, ...]
    max_length: int
    method: str = "full"

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Licence, hash and lineage of the encoder."""
        return describe_origin(self.encoder)

    @cached_property
    def size(self) -> Size:
        """The parameters of the encoder, the method and the head; the bytes of the encoder."""
        parameters = sum(value.numel() for value in self.model.parameters())
        return Size(parameters, folder_bytes(self.encoder.folder))

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """The label and the probabilities of each text."""
        started = time.perf_counter()
        found, cut = self._probabilities(texts, title)
        return Answers(
            self.labels,
            given=Given(self._likeliest(found), tuple(map(tuple, found.tolist()))),
            seconds={"label": time.perf_counter() - started},
            texts_cut=cut,
        )

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """The likeliest label of each text."""
        found, _ = self._probabilities(texts, "")
        return [LabelAnswer(label, None, None) for label in self._likeliest(found)]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """The softmax of the head's logits."""
        return self._probabilities(texts, title)[0]

    def graph(self) -> TextGraph:
        """The encoder with what the method trained in its weights, and the head."""
        whole = merged(self.model.encoder, self.method)
        return encoder_graph(
            self.encoder,
            whole,
            self.model.head,
            normalize=False,
            most_tokens=self.max_length,
        )

    def _likeliest(self, probabilities: "np.ndarray") -> tuple[str, ...]:
        return tuple(self.labels[column] for column in probabilities.argmax(axis=1))

    @cached_property
    def _form(self) -> Any:
        """How texts become batches."""
        from tunelab.training.labels import form_of

        rows = [token_ids(self.encoder, text, self.max_length)[0] for text in ("a", _PROBE, _LONG)]
        return form_of(
            self.model,
            rows,
            mode=self.encoder.pooling.mode,
            pad_token=self.encoder.tokenizer.pad_token_id,
        )

    def _probabilities(self, texts: Sequence[str], title: str) -> "tuple[np.ndarray, int]":
        """Array (texts, labels), and how many texts were cut."""
        import numpy as np
        import torch

        from tunelab.inference.embeddings import check_known

        ids = [token_ids(self.encoder, text, self.max_length) for text in texts]
        rows = [row for row, _ in ids]
        check_known(self.model, rows)
        found: np.ndarray = np.zeros((len(rows), len(self.labels)))
        with (
            row_bar(title, len(rows), shown=bool(title)) as bar,
            torch.inference_mode(),
            explain_errors(f"{name_of(self.model)} cannot label texts", "choose another encoder"),
        ):
            for batch in length_batches(rows, _BATCH_TOKENS):
                logits = self.model(**self._form([rows[index] for index in batch]))
                found[batch] = logits.double().softmax(-1).cpu().numpy()
                bar.update(len(batch))
        check_finite(self.name, found)
        return found, sum(cut for _, cut in ids)


_PROBE = "What a day! I'd not expected <this>."


def load_base(name: str, *, device: str, dtype: str) -> LoadedEncoder:
    """An encoder as it is trained: without the layers that its vectors of tokens do not pass.

    Raises:
        UsageError, RunError: as :func:`load_encoder`.
    """
    encoder = load_encoder(name, device=device, dtype=dtype)
    without_pooler(encoder.model)
    return encoder


def without_pooler(model: Any) -> Any:
    """An encoder without BERT's pooler, which its vectors of tokens do not pass, in place."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def save_encoder(
    folder: Path,
    model: Any,
    *,
    method: str,
    encoder: LoadedEncoder,
    record: Mapping[str, Any],
) -> None:
    """Write what the method trained, the head, and the record that seals them."""
    from safetensors.torch import save_file

    for config in getattr(model.encoder, "peft_config", {}).values():
        # PEFT would note the folder of this machine's cache.
        config.base_model_name_or_path = encoder.card.location or encoder.card.name
    find_method(method).save(model.encoder, folder)
    # PEFT leaves a blank form with the folder of this machine; the study writes its own card.
    (folder / "README.md").unlink(missing_ok=True)
    head = {name: value.detach().cpu().contiguous() for name, value in _head(model).items()}
    save_file(head, folder / HEAD_FILE)
    whole = {
        "version": 1,
        "format": FORMAT,
        "use": FORMAT,
        "method": method,
        "model": encoder.card.name,
        "model_hash": encoder.hash,
        **record,
    }
    names = [path.name for path in folder.iterdir() if path.name != ADAPTER_RECORD]
    write_json(folder / ADAPTER_RECORD, sealed(whole, file_hashes(folder, names)))


def open_recorded(
    folder: Path,
    record: dict[str, Any],
    *,
    device: str,
    dtype: str,
    evaluation: Evaluation | None,
) -> Fitted:
    """The classifier of a folder.

    Raises:
        UsageError: the record lacks something or names a method that is not known.
        RunError: a file was changed or cannot be read, or the encoder is not that of the training.
    """
    from tunelab.inference.encoder_with_head import EncoderWithHead

    stored.check_files(folder, record)
    labels, length = recorded_labels(folder, record), record.get("max_length")
    if not {"model", "model_hash", "method"} <= set(record) or type(length) is not int:
        raise stored.damaged(folder)
    name, method = str(record["model"]), find_method(str(record["method"]))
    encoder = load_base(name, device=device, dtype=dtype)
    if encoder.hash != record["model_hash"]:
        raise RunError(
            f"{folder} was trained on other weights of {name} than those here; use the same "
            "revision of the model, or train again."
        )
    try:
        adapted = method.load(encoder.model, folder)
        if method.trains_all_weights:
            without_pooler(adapted)
        model = EncoderWithHead(adapted, len(labels), dropout=0.0)
        _read_head(model, folder)
    except TunelabError:
        raise
    except Exception as error:
        raise RunError(
            f"{folder} cannot be loaded ({first_line(error)[:120]}); train it again."
        ) from None
    if not 3 <= length <= encoder.positions:
        raise UsageError(
            f"{folder} reads texts of {length} tokens, and {name} has positions for "
            f"{encoder.positions}; train it again."
        )
    # What was trained as a whole needs the encoder that it began with no more.
    kept = replace(encoder, model=model.base)
    return FittedEncoder(folder.name, kept, model.eval(), labels, length, method.name)


def _head(model: Any) -> dict[str, Any]:
    return {"weight": model.head.weight, "bias": model.head.bias}


def _read_head(model: Any, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    found = load_file(folder / HEAD_FILE)
    with torch.no_grad():
        for name, value in _head(model).items():
            if found[name].shape != value.shape:
                raise ValueError(f"{HEAD_FILE} has other sizes than the encoder and its labels")
            value.copy_(found[name])
