"""The conversations of a study: played by its models, with and without the template."""

import logging
from pathlib import Path
from typing import Any

from tunelab.config import Generation, Study
from tunelab.generation.conversation_file import read_conversation
from tunelab.generation.local_model import LocalModel, open_answerer
from tunelab.generation.persona import RULES
from tunelab.generation.play import play
from tunelab.generation.settings import GenerationSettings
from tunelab.models.loading import model_hash
from tunelab.runs.results import Result, write_json
from tunelab.runs.stages import run_stage
from tunelab.study.cell_list import device_and_dtype
from tunelab.study.resolution import ROLES

RECORD = "conversations.json"
_log = logging.getLogger(__name__)


def play_conversations(study: Study, out: Path) -> list[Result]:
    """Play each conversation with each model, with its own template where it has one and without.

    Raises:
        UsageError: a line does not fit a model's context.
        RunError: a model cannot be loaded.
    """
    files = [read_conversation(name) for name in study.conversations]
    models = {
        role: name for role in reversed(ROLES) if (name := getattr(study.models, role)) is not None
    }
    length = (study.generation or Generation()).max_new_tokens
    settings = GenerationSettings(max_new_tokens=length, seed=study.seed)
    device, dtype = device_and_dtype(study)

    def work(folder: Path) -> dict[str, Any]:
        played = []
        for role, name in models.items():
            answerer = open_answerer(name, device=device, dtype=dtype)
            assert isinstance(answerer, LocalModel)
            templates = ["own", "none"] if answerer.tokenizer.chat_template else ["none"]
            for conversation in files:
                for template in templates:
                    _log.info("%s, %s, template %s", conversation.name, role, template)
                    speaking = answerer.with_template(template)
                    result = play(conversation, speaking, settings, template=template)
                    played.append({"role": role, **result.to_dict()})
        files_told = {
            one.name: {"about": one.about, "personas": {s.name: s.persona for s in one.speakers}}
            for one in files
        }
        write_json(
            folder / RECORD,
            {"version": 1, "rules": RULES, "conversations": files_told, "played": played},
        )
        return {"conversations": [one.name for one in files], "played": len(played)}

    inputs = {
        "models": {role: model_hash(name) for role, name in models.items()},
        "conversations": [one.model_dump(mode="json") for one in files],
        "max_new_tokens": length,
        "seed": study.seed,
        "device": device,
        "dtype": dtype,
    }
    return [
        run_stage(
            out,
            "generate",
            "conversations",
            inputs,
            work,
            still_there=lambda done: (done.folder / RECORD).is_file(),
        )
    ]
