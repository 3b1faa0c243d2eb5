"""What every method promises, over every registered name."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import LABELS, build_model, build_tokenizer
from tunelab import registry
from tunelab.config import Training
from tunelab.inference.packed_attention import packed_attention
from tunelab.methods.counting import ParameterCount
from tunelab.models.shape import shape_of
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder
from tunelab.training.batching import PackedCollator
from tunelab.training.checkpoints import last_complete
from tunelab.training.loss import answer_logits, answer_loss
from tunelab.training.train import count_parameters, train

METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
FAMILIES = ["llama", "mistral", "phi3", "gemma3", "qwen3"]
INSTRUCTION = [5, 6, 7, 8, 9]
IDS = torch.arange(3, 40)[None]
# What is chosen besides the defaults: one of each kind.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "full": [{}],
    "lora": [{}, {"targets": "attention"}, {"targets": ["down_proj"]}, {"layers": "top-2"}],
    "rslora": [{}, {"targets": "mlp"}],
    "dora": [{}, {"targets": "kv", "dropout": 0.1}],
    "ia3": [{}, {"feedforward": []}, {"targets": "all-linear"}, {"layers": "top-1"}],
    "prompt_tuning": [{}, {"init": "random"}, {"init": "vocabulary"}],
    "prefix_tuning": [{}, {"init": "random"}, {"hidden": 12, "init": "random"}],
    "p_tuning": [{}, {"init": "random"}, {"hidden": 5}],
}
# Another value of each setting, with which something else has to come out.
OTHERS: dict[str, Any] = {
    "r": 6,
    "alpha": 3,
    "dropout": 0.5,
    "targets": "attention",
    "feedforward": [],
    "virtual_tokens": 9,
    "init": "random",
    "hidden": 9,
    "layers": "top-1",
}
KEYS = [(name, key) for name, module in METHODS.items() for key in module.Settings.model_fields]
RESUMED = [
    *((name, {}) for name in METHODS),
    ("dora", {"dropout": 0.1}),
    ("lora", {"layers": "top-1"}),
    ("prefix_tuning", {"hidden": 12, "init": "random"}),
]
EVERY = [(name, variant) for name, variants in VARIANTS.items() for variant in variants]


def _name(value: Any) -> str:
    return value if isinstance(value, str) else "-".join(map(str, value.values())) or "default"


def _settings(name: str, **chosen: Any) -> Any:
    model = METHODS[name].Settings
    small = {"r": 4} if "r" in model.model_fields else {}
    if "virtual_tokens" in model.model_fields:
        small = {"virtual_tokens": 7}
    return model.model_validate(small | chosen)


def _adapted(name: str, family: str = "llama", **chosen: Any) -> Any:
    torch.manual_seed(3)
    return METHODS[name].adapt(build_model(family), _settings(name, **chosen), INSTRUCTION)


@pytest.fixture(scope="module")
def rows() -> list[EncodedExample]:
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="chat", max_length=150
    )
    encoder = Encoder(tokenizer, format)
    texts = ["the rain came down", "we sat", "nothing", "all day at the window", "said"]
    return [
        encoder.example(text, label) for text, label in zip(texts * 4, LABELS * 4, strict=False)
    ]


def _train(
    folder: Path,
    model: Any,
    rows: list[EncodedExample],
    precision: str = "float32",
    validate: bool = True,
    **options: Any,
) -> Any:
    defaults: dict[str, Any] = {"tracking": [], "epochs": 2, "batch_size": 4, "warmup": 0}
    return train(
        model,
        train_rows=rows[:12],
        validation_rows=rows[12:16] if validate else [],
        pad_token=0,
        options=Training(**(defaults | options)),
        learning_rate=1e-2,
        precision=precision,
        device="cpu",
        seed=1,
        folder=folder,
    )


def _logits(model: Any) -> Any:
    model.eval()
    with torch.inference_mode():
        return model(input_ids=IDS).logits


def test_every_method_is_tried() -> None:
    assert set(VARIANTS) == set(METHODS)


@pytest.mark.parametrize(("name", "variant"), EVERY, ids=_name)
def test_trains_its_own_and_saves_all_of_it(
    name: str, variant: dict[str, Any], rows: list[EncodedExample], tmp_path: Path
) -> None:
    method = METHODS[name]
    if variant.get("targets") in ("qv", "kv") or "targets" not in variant:
        family = "phi3"
    else:
        family = "llama"
    model = _adapted(name, family, **variant)
    base = build_model(family)
    untrained = _logits(base)
    assert _logits(model).shape == untrained.shape
    before = {key: value.clone() for key, value in model.named_parameters()}
    own = {key for key, value in model.named_parameters() if value.requires_grad}
    assert own
    outcome = _train(tmp_path / "run", model, rows, early_stopping=None)
    after = dict(model.named_parameters())
    changed = {key for key, value in before.items() if not torch.equal(value, after[key])}
    # No more than its own, and none of them idle.
    assert changed == own
    trained = _logits(outcome.model)
    assert trained.shape == untrained.shape
    assert not torch.allclose(trained, untrained, atol=1e-2)
    method.save(model, tmp_path / "saved")
    loaded = method.load(build_model(family), tmp_path / "saved")
    assert torch.equal(_logits(loaded), trained)
    if method.merge is not None:
        merged = method.merge(model)
        assert type(merged) is type(base)
        assert torch.allclose(_logits(merged), trained, atol=2e-5)


@pytest.mark.parametrize(("name", "variant"), RESUMED, ids=_name)
def test_resumes_to_the_same_bits(
    name: str, variant: dict[str, Any], rows: list[EncodedExample], tmp_path: Path
) -> None:
    # Without validation, so that the weights are the last ones and not the best of either run.
    whole = _adapted(name, **variant)
    _train(tmp_path, whole, rows, validate=False)
    last = last_complete(tmp_path)
    assert last is not None
    # As if it had been killed before the last checkpoint.
    shutil.rmtree(last)
    earlier = last_complete(tmp_path)
    assert earlier is not None
    # Other numbers than those it was killed with: all of them must come from the checkpoint.
    torch.manual_seed(4)
    resumed = METHODS[name].adapt(build_model(), _settings(name, **variant), [30, 31])
    outcome = _train(tmp_path, resumed, rows, validate=False)
    assert outcome.steps > int(earlier.name.partition("-")[2])
    assert outcome.resumed == 1
    # Of both parts, or unknown with a reason.
    assert (outcome.peak_bytes is None) == (outcome.peak_unknown is not None)
    expected = dict(whole.named_parameters())
    for key, value in resumed.named_parameters():
        assert torch.equal(value, expected[key]), key
    assert torch.equal(_logits(resumed), _logits(whole))


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_every_setting_acts(name: str, key: str, rows: list[EncodedExample]) -> None:
    begin = {"init": "random"} if (name, key) == ("prefix_tuning", "hidden") else {}
    found = []
    for chosen in (begin, begin | {key: OTHERS[key]}):
        model = _adapted(name, **chosen).train()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.02)
        torch.manual_seed(0)
        with torch.no_grad(), packed_attention(model):
            found.append(float(answer_loss(answer_logits(model, PackedCollator(5)(rows[:4])))))
    assert found[0] != pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_trains_in_sixteen_bits(name: str, rows: list[EncodedExample], tmp_path: Path) -> None:
    method = METHODS[name]
    model = build_model() if method.weights == "float32" else build_model().bfloat16()
    adapted = method.adapt(model, _settings(name), INSTRUCTION)
    own = {key: value for key, value in adapted.named_parameters() if value.requires_grad}
    assert all(value.dtype == torch.float32 for value in own.values())
    losses = []
    for packing in (True, False):
        options: dict[str, Any] = {"packing": packing, "epochs": 1, "early_stopping": None}
        outcome = _train(tmp_path / str(packing), adapted, rows, precision="bfloat16", **options)
        assert outcome.packed == packing
        losses.append([one["loss"] for one in outcome.history if one["split"] == "validation"])
    assert losses[0][-1] < losses[0][0]
    # The second training goes on from the best weights of the first, and finds them as good.
    assert losses[1][0] == pytest.approx(min(losses[0]), rel=0.02)


@pytest.mark.parametrize("name", METHODS)
def test_trains_behind_the_shared_prefix(
    name: str, rows: list[EncodedExample], tmp_path: Path
) -> None:
    losses = []
    for packing in (False, True):
        folder = tmp_path / str(packing)
        outcome = _train(folder, _adapted(name), rows, packing=packing, fused=packing)
        assert outcome.packed == packing
        assert (outcome.prefix > 5) == packing
        losses.append([entry["loss"] for entry in outcome.history])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0][-1] < losses[0][0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_counts_its_parameters(name: str, family: str) -> None:
    shape = shape_of(build_model(family).config)
    for variant in VARIANTS[name]:
        settings = _settings(name, **variant)
        if family == "phi3" and isinstance(variant.get("targets"), list):
            continue
        found = METHODS[name].count(shape, settings)
        model = METHODS[name].adapt(build_model(family), settings, INSTRUCTION)
        assert found == ParameterCount(*count_parameters(model)), variant
        if hasattr(model, "get_nb_trainable_parameters"):
            # PEFT counts all parameters of a soft prompt's model without the prompt.
            assert model.get_nb_trainable_parameters()[0] == found.trainable


@pytest.mark.parametrize("name", METHODS)
def test_counts_grow_with_the_settings_alone(name: str) -> None:
    shape = shape_of(build_model().config)
    small = METHODS[name].count(shape, _settings(name))
    if "r" in METHODS[name].Settings.model_fields:
        assert METHODS[name].count(shape, _settings(name, r=8)).trainable > small.trainable
    if "virtual_tokens" in METHODS[name].Settings.model_fields:
        more = METHODS[name].count(shape, _settings(name, virtual_tokens=8))
        assert more.trainable > small.trainable
    assert 0 < small.share <= 1


@pytest.mark.parametrize("name", [name for name in METHODS if name != "full"])
def test_a_configuration_is_written_in_one_order(name: str, tmp_path: Path) -> None:
    method = METHODS[name]
    model = method.adapt(build_model(), method.Settings(), INSTRUCTION)
    method.save(model, tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    lists = {key: value for key, value in config.items() if isinstance(value, list)}
    assert lists == {key: sorted(value) for key, value in lists.items()}
    assert ("target_modules" in lists) == (name in ("lora", "rslora", "dora", "ia3"))
