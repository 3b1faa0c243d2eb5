"""The open prompts of a study: every model answers them, and reads the others' answers."""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tunelab.classifiers.answered import COUNTED
from tunelab.config import Study
from tunelab.errors import UsageError
from tunelab.generation.comparison import OpenAnswer, Read, compare_open, perplexities
from tunelab.generation.endpoint.model import is_endpoint
from tunelab.generation.local_model import LocalModel, open_answerer
from tunelab.generation.open_prompts import OpenPrompt, plain_prompts, read_prompts
from tunelab.generation.settings import GenerationSettings
from tunelab.generation.side_by_side import ask_open, read_answers
from tunelab.models.catalog import find
from tunelab.models.lineage import describe_lineage
from tunelab.models.loading import model_hash
from tunelab.runs.results import Result, write_json, write_text
from tunelab.runs.seals import FILES, SEAL, is_intact, sealed
from tunelab.runs.stages import run_stage
from tunelab.study.cell_list import device_and_dtype
from tunelab.study.resolution import open_models

RECORD = "open.json"
# Answers as they come, so that what a server gave is not asked for again.
_KEPT = "answers.jsonl"

_log = logging.getLogger(__name__)


def answer_open(study: Study, out: Path) -> list[Result]:
    """Answer the study's open prompts with each of its models and compare the answers.

    Raises:
        UsageError: a prompt does not fit a model's context.
        RunError: a model cannot be loaded, or an endpoint gave up; answers until then are kept.
    """
    if study.generation is None:
        raise UsageError("the study has no open prompts; set generation.")
    chosen = study.generation
    prompts = (
        read_prompts(chosen.prompts)
        if isinstance(chosen.prompts, str)
        else plain_prompts(chosen.prompts)
    )
    settings = GenerationSettings(
        top_k=chosen.top_k,
        top_p=chosen.top_p,
        min_p=chosen.min_p,
        repetition_penalty=chosen.repetition_penalty,
        max_new_tokens=chosen.max_new_tokens,
        samples=chosen.samples,
        seed=study.seed,
    )
    temperatures = list(dict.fromkeys(chosen.temperatures))
    models = open_models(study)
    device, dtype = device_and_dtype(study)

    def work(folder: Path) -> dict[str, Any]:
        answers = _known(folder / _KEPT)
        # Without a line that was cut, which would spoil the one that is written behind it.
        write_text(folder / _KEPT, "".join(map(_line, answers)))
        local: dict[str, LocalModel] = {}
        lineages: dict[str, Any] = {}
        for name, model in models.items():
            answerer = open_answerer(model, device=device, dtype=dtype)
            if isinstance(answerer, LocalModel):
                answerer = replace(answerer, batch_size=study.evaluation.batch_size)
                local[name] = answerer
                lineages[name] = describe_lineage(find(model), answerer.model, answerer.tokenizer)
            _log.info("open prompts: %s answers", name)
            for temperature in temperatures:
                missing = _missing(prompts, answers, name, temperature, settings.samples)
                if missing:
                    with (folder / _KEPT).open("a", encoding="utf-8") as file:

                        def keep(answer: OpenAnswer, file: Any = file) -> None:
                            file.write(_line(answer))
                            file.flush()

                        answers += ask_open(
                            name, answerer, missing, settings, [temperature], keep=keep
                        )
        answers = _ordered(answers, list(models), temperatures, prompts, settings.samples)
        reads: list[Read] = []
        for name, answerer in local.items():
            _log.info("open prompts: %s reads", name)
            reads += read_answers(name, answerer, prompts, answers)
        write_json(
            folder / RECORD,
            {
                "version": 1,
                "models": models,
                "lineages": lineages,
                "temperatures": temperatures,
                "prompts": [prompt.to_dict() for prompt in prompts],
                "answers": [answer.to_dict() for answer in answers],
                "comparison": compare_open(prompts, answers),
                "perplexity": perplexities(reads, seed=study.seed),
            },
        )
        return {"models": models, "prompts": len(prompts), "answers": len(answers)}

    inputs = {
        "models": [
            [name, model, model if is_endpoint(model) else model_hash(model)]
            for name, model in models.items()
        ],
        "prompts": [prompt.to_dict() for prompt in prompts],
        "settings": asdict(settings),
        "temperatures": temperatures,
        "counted": COUNTED,
        "device": device,
        "dtype": dtype,
    }
    return [
        run_stage(
            out,
            "generate",
            "open",
            inputs,
            work,
            still_there=lambda done: (done.folder / RECORD).is_file(),
        )
    ]


def _line(answer: OpenAnswer) -> str:
    return json.dumps(sealed(answer.to_dict(), {}), ensure_ascii=False) + "\n"


def _known(path: Path) -> list[OpenAnswer]:
    """The answers of a run that was cut; a line that was cut too, or changed, is left out."""
    found = {}
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        try:
            values = json.loads(line)
            if not is_intact(values):
                continue
            answer = OpenAnswer(**{key: values[key] for key in values.keys() - {FILES, SEAL}})
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue
        found[answer.model, answer.temperature, answer.prompt, answer.sample] = answer
    return list(found.values())


def _missing(
    prompts: list[OpenPrompt],
    answers: list[OpenAnswer],
    model: str,
    temperature: float,
    samples: int,
) -> list[OpenPrompt]:
    there = {
        (one.prompt, one.sample)
        for one in answers
        if (one.model, one.temperature) == (model, temperature)
    }
    wanted = range(samples if temperature else 1)
    return [
        prompt for prompt in prompts if any((prompt.id, sample) not in there for sample in wanted)
    ]


def _ordered(
    answers: list[OpenAnswer],
    models: list[str],
    temperatures: list[float],
    prompts: list[OpenPrompt],
    samples: int,
) -> list[OpenAnswer]:
    found = {(one.model, one.temperature, one.prompt, one.sample): one for one in answers}
    return [
        found[model, temperature, prompt.id, sample]
        for model in models
        for temperature in temperatures
        for prompt in prompts
        for sample in range(samples if temperature else 1)
    ]
