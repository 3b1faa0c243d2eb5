"""A stage of a study: what each fine-tuned language model can do beside the task, and could before.

The model is asked without the study's prompt, with what was trained merged into its weights. A soft
prompt leaves the weights as they are, and a head writes no words: of these there is nothing to
measure, and the record says so.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tunelab.classifiers.adapters import has_head, open_adapter, read_record
from tunelab.config import Study
from tunelab.evaluation.forgetting import compare_skill
from tunelab.generation.general_skill import GeneralSkill, measure_skill
from tunelab.generation.open_prompts import CHECKABLE, read_prompts
from tunelab.methods.contract import find_method
from tunelab.models.loading import load, load_tokenizer, model_hash
from tunelab.runs.results import FORGETTING, Result
from tunelab.runs.stages import run_stage
from tunelab.study.cell_list import device_and_dtype, tuned_cells
from tunelab.tokenizers.parallel import built_in

_LANGUAGE = "en"
_TOKENS = 32


def measure_forgetting(study: Study, trained: Sequence[Result], out: Path) -> Iterator[Result]:
    """The stage of each method and seed that was trained.

    Raises:
        RunError: an adapter or its model cannot be loaded.
    """
    done = {result.name: result for result in trained}
    for cell in tuned_cells(study):
        if cell.name in done:
            folder = out / cell.estimator.kept_in / cell.name
            yield _stage(study, cell.name, done[cell.name], folder, out)


def _stage(study: Study, name: str, trained: Result, adapter: Path, out: Path) -> Result:
    device, dtype = device_and_dtype(study)
    record = read_record(adapter)
    model, method = str(record["model"]), find_method(str(record["method"]))
    sentences = list(built_in().sentences[_LANGUAGE])
    prompts = read_prompts(CHECKABLE)
    decides: dict[str, Any] = {
        "sentences": sentences,
        "prompts": [one.to_dict() for one in prompts],
        "tokens": _TOKENS,
        "device": device,
        "dtype": dtype,
    }

    def skill(asked: Any, title: str) -> GeneralSkill:
        # The template of the model itself, whatever the study's prompt made of it.
        return measure_skill(
            asked, load_tokenizer(model), sentences, prompts, max_new_tokens=_TOKENS, title=title
        )

    def before(folder: Path) -> dict[str, Any]:
        loaded = load(model, device=device, dtype=dtype)
        return {"model": model, **skill(loaded.model, f"{loaded.card.name} before").to_dict()}

    def work(folder: Path) -> dict[str, Any]:
        about = {key: trained.values[key] for key in ("model", "method", "group", "seed")}
        reason = _no_measure(record, method.merge is not None)
        if reason is not None:
            return {**about, "reason": reason}
        base = {"model": model_hash(model), **decides}
        # Once for all methods and seeds of the model.
        first = run_stage(out, FORGETTING, f"before-{base['model'][:12]}", base, before).values
        opened = open_adapter(adapter, device=device, dtype=dtype)
        merge: Any = method.merge
        after = skill(merge(opened.model), name)
        found = compare_skill((first["nats"], first["right"]), (after.nats, after.right))
        return {**about, "reason": None, **after.to_dict(), **found.to_dict()}

    return run_stage(out, FORGETTING, name, {"train": trained.hash, **decides}, work)


def _no_measure(record: dict[str, Any], merges: bool) -> str | None:
    if has_head(record):
        return "it answers through a head, and writes no words"
    if not merges:
        return "what was trained stands before its own prompt, and the weights are as they were"
    return None
