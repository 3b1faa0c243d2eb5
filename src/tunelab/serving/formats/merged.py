"""A plain transformers folder: what a method trained stands in the weights of the base model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab.classifiers.language_model import LanguageModel
from tunelab.evaluation.parsing.answers import parse_answer
from tunelab.methods.contract import find_method
from tunelab.numbers import counted
from tunelab.prompts.conversation import make_messages
from tunelab.prompts.encoding import Encoder
from tunelab.runs.results import write_json
from tunelab.serving.export_agreement import Agreement, sample_texts
from tunelab.serving.formats.contract import SETTINGS, Format, Source
from tunelab.serving.merging import write_merged


def merges(source: Source) -> str | None:
    """Why a classifier has no weights of a language model that answers in words; None if it has."""
    if not isinstance(source.fitted, LanguageModel) or "method" not in source.record:
        if isinstance(source.fitted, LanguageModel):
            return "it has no trained weights to merge"
        return "it holds a language model that answers in words, and this classifier is none"
    method = str(source.record["method"])
    if find_method(method).merge is None:
        return (
            f"{method} cannot be merged into the weights, as it puts trained vectors before every "
            "row"
        )
    return None


def prompt_settings(fitted: LanguageModel) -> dict[str, Any]:
    """What asks for a label, as JSON values: the prompt, and what is written behind it."""
    encoder = fitted.encoder
    return {
        "labels": list(fitted.labels),
        "style": encoder.format.style,
        "system": encoder.format.system,
        "template": encoder.format.template,
        "messages": _messages(encoder),
        "answer_start": encoder.start or "",
        "answer_tokens": encoder.answer_room,
        "most_tokens": encoder.max_length - encoder.answer_room,
    }


def _messages(encoder: Encoder) -> list[dict[str, str]]:
    """The conversation that asks for a label, {text} where the text stands; none of a plain prompt.

    Where the template has no place for a system message, it stands before the first text.
    """
    if encoder.format.style == "plain":
        return []
    messages = [dict(one) for one in make_messages(encoder.format, "{text}", None)]
    first = next(piece.text for piece in encoder.pieces("{text}") if piece.data)
    if messages[0]["role"] == "system" and first.strip() != messages[0]["content"].strip():
        system, user, *rest = messages
        joined = f"{system['content']}\n\n{user['content']}"
        return [{"role": "user", "content": joined}, *rest]
    return messages


def parse(answer: str, labels: Sequence[str]) -> str | None:
    """The label of an answer, as tunelab reads it."""
    return parse_answer(answer, labels, stopped=True).label


def _write(source: Source, folder: Path, type: str) -> Mapping[str, Any]:
    fitted = source.fitted
    assert isinstance(fitted, LanguageModel)
    agreement = write_merged(
        fitted,
        str(source.record["model"]),
        find_method(str(source.record["method"])).merge,
        folder,
        sample_texts(),
        device=source.device,
        dtype=type,
    )
    write_json(folder / SETTINGS, prompt_settings(fitted))
    return {"agreement": agreement.to_dict(), "note": _note(agreement, type)}


def _note(found: Agreement, type: str) -> str:
    note = (
        f"On {counted(found.prompts, 'prompt')} with {found.tokens:,} tokens the logits of the "
        "merged model and of the one with its adapter differ by "
        f"{found.largest_difference:.2g} at most (the largest logit is {found.largest_logit:.3g}), "
        f"and at {found.same_next:,} of the tokens both find the same next one likeliest."
    )
    base = found.untouched
    if base is not None:
        note += (
            f" The weights are rounded to {type}: that alone changes the logits of the base model, "
            f"without the adapter, by {base.largest_difference:.2g}."
        )
    return note


FORMAT = Format(
    name="merged",
    title="a plain transformers model",
    types={"float32": None, "bfloat16": None, "float16": None},
    refusal=merges,
    write=_write,
    packages={"torch": "torch", "transformers": "transformers"},
    library="transformers",
    parse=parse,
    prompt_ids="""def prompt_ids(text):
    return tokenizer(question(text), add_special_tokens=False)["input_ids"]
""",
    no_probabilities="it is asked for its answer in words alone",
    most_rows=200,
    code='''import json
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

prompt = json.loads(Path("classifier.json").read_text(encoding="utf-8"))
tokenizer = AutoTokenizer.from_pretrained(".", local_files_only=True)
model = AutoModelForCausalLM.from_pretrained(".", dtype="auto", local_files_only=True).eval()


def question(text):
    while True:
        whole = rendered(text)
        ids = tokenizer(whole, add_special_tokens=False)["input_ids"]
        extra = len(ids) - prompt["most_tokens"]
        if extra <= 0 or not text:
            return whole
        text = text[:-extra]  # a text that does not fit is cut at its end


def rendered(text):
    if prompt["style"] == "plain":
        whole = prompt["template"].removesuffix(" {label}").replace("{system}", prompt["system"])
        return (tokenizer.bos_token or "") + whole.replace("{text}", text).lstrip("\\n")
    last = prompt["messages"][-1]
    messages = [
        *prompt["messages"][:-1],
        {**last, "content": last["content"].replace("{text}", text)},
    ]
    return tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=False, enable_thinking=False, thinking=False
    ) + prompt["answer_start"]


def classify(texts):
    """Of each text its label or None, no probabilities, and the raw answer."""
    questions = [question(text) for text in texts]
    batch = tokenizer(questions, add_special_tokens=False, padding=True, return_tensors="pt")
    found = model.generate(**batch)[:, batch["input_ids"].shape[1] :]
    answers = [one.strip() for one in tokenizer.batch_decode(found, skip_special_tokens=True)]
    return [(one if one in prompt["labels"] else None, None, one) for one in answers]
''',
)
