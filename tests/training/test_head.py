"""A head on the last token: exact in packed rows, resumed to the same bits, its rate bounded."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from conftest import LABELS, build_model, build_tokenizer
from tunelab import registry
from tunelab.config import Training
from tunelab.errors import UsageError
from tunelab.inference.head_logits import head_logits
from tunelab.inference.label_head import LabelHead, make_head, replace_output, words_restored
from tunelab.inference.packed_attention import packed_attention
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder, encode_for_head
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.training.batching import PackedCollator, PaddedCollator
from tunelab.training.checkpoints import last_complete
from tunelab.training.fused.layers import fused_layers
from tunelab.training.head_rate import HIGHEST, bound_head_rate
from tunelab.training.loss import answer_logits, answer_loss
from tunelab.training.train import train

FAMILIES = ["llama", "mistral", "phi3", "gemma3"]
METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
TOLERANCE = 1e-5
# Of unlike lengths, two that are equal, and one that another begins with.
TEXTS = ["a", "the rain came", "the rain came down", "we " * 30, "a", "nothing said", "down"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="chat", max_length=150
    )
    return Encoder(tokenizer, format)


def _rows(encoder: Encoder, copies: int = 1) -> list[EncodedExample]:
    texts = TEXTS * copies
    return encode_for_head(encoder, texts, [LABELS[n % 6] for n in range(len(texts))])


def _headed(name: str, encoder: Encoder, family: str = "llama", **settings: Any) -> Any:
    method = METHODS[name]
    if "r" in method.Settings.model_fields:
        settings = {"r": 4} | settings
    if "virtual_tokens" in method.Settings.model_fields:
        settings = {"virtual_tokens": 7} | settings
    torch.manual_seed(3)
    model = method.adapt(build_model(family), method.Settings(**settings), [5, 6, 7, 8])
    replace_output(model, make_head(model, [encoder.answers[label][0] for label in LABELS]))
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            # Away from where adapters begin: B at zero, where A has no gradient.
            if "lora_B" in parameter_name:
                parameter.normal_(std=0.1)
    return model.train()


def _gradients(model: Any, loss: Any) -> dict[str, Any]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def _plain_loss(model: Any, rows: list[EncodedExample]) -> Any:
    """Each prompt alone and in full, its last logits, and the label's number."""
    total = torch.zeros(())
    for row in rows:
        logits = model(input_ids=torch.tensor([row.ids[: row.prompt_length]])).logits[0, -1]
        total = total + torch.nn.functional.cross_entropy(
            logits[None], torch.tensor([row.labels[-1]]), reduction="sum"
        )
    return total


def _train(folder: Path, model: Any, rows: list[EncodedExample], **options: Any) -> Any:
    defaults: dict[str, Any] = {"tracking": [], "epochs": 2, "batch_size": 4, "warmup": 0}
    return train(
        model,
        train_rows=rows[:12],
        validation_rows=[],
        pad_token=0,
        options=Training(**(defaults | options)),
        learning_rate=1e-2,
        precision="float32",
        device="cpu",
        seed=1,
        folder=folder,
    )


def test_a_row_is_the_prompt_of_an_answer_in_words(encoder: Encoder) -> None:
    for text, label in (("we won", "joy"), ("x " * 300, "surprise")):
        (row,) = encode_for_head(encoder, [text], [label])
        words = encoder.example(text, label)
        assert row.ids[:-1] == words.ids[: words.prompt_length] == encoder.prompt(text).ids
        assert (row.prompt_length, row.cut) == (words.prompt_length, words.cut)
        assert row.labels[-1] == LABELS.index(label)
        assert set(row.labels[:-1]) == {-100}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_packed_rows_have_the_loss_and_gradients_of_plain_ones(
    name: str, family: str, encoder: Encoder
) -> None:
    rows = _rows(encoder)
    model = _headed(name, encoder, family)
    expected = _gradients(model, plain := _plain_loss(model, rows))
    prefix = common_prefix([row.ids for row in rows], [row.prompt_length for row in rows])
    assert prefix > 5
    with packed_attention(model), fused_layers(model, merge=name == "lora"):
        loss = answer_loss(answer_logits(model, PackedCollator(prefix)(rows)))
        found = _gradients(model, loss)
    padded = answer_loss(answer_logits(model, PaddedCollator(0)(rows)))
    for one in (loss, padded):
        assert float(one.detach()) == pytest.approx(float(plain.detach()), rel=TOLERANCE)
    assert set(found) == set(expected)
    assert any("lm_head" in key for key in found)
    for key, gradient in expected.items():
        far = float((found[key] - gradient).norm() / gradient.norm().clamp_min(1e-6))
        assert far < TOLERANCE, key


@pytest.mark.parametrize("family", ["llama", "mistral", "phi3", "qwen3"])
def test_the_head_is_that_of_transformers(family: str, encoder: Encoder) -> None:
    """transformers' own classifier with the same weights, on rows that are padded."""
    model = _headed("full", encoder, family).eval()
    config = build_model(family).config
    config.num_labels, config.pad_token_id = len(LABELS), 0
    theirs = AutoModelForSequenceClassification.from_config(config).eval()
    theirs.model.load_state_dict(model.model.state_dict())
    with torch.no_grad():
        theirs.score.weight.copy_(model.lm_head.weight)
    prompts = [encoder.prompt(text).ids for text in TEXTS]
    longest = max(map(len, prompts))
    ids = torch.tensor([[*prompt, *[0] * (longest - len(prompt))] for prompt in prompts])
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in prompts])
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=mask).logits
    found = head_logits(model, prompts, pad_token=0, progress=False)
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["lora", "prefix_tuning", "prompt_tuning"])
def test_logits_are_those_of_each_prompt_alone(
    name: str, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _headed(name, encoder).eval()
    prompts = [encoder.prompt(text).ids for text in TEXTS]
    with torch.no_grad():
        expected = torch.stack([model(torch.tensor([ids])).logits[0, -1] for ids in prompts])
    packed = head_logits(model, prompts, pad_token=0, progress=False)
    monkeypatch.setattr("tunelab.inference.head_logits.packing_works", lambda *_: False)
    padded = head_logits(model, prompts, pad_token=0, progress=False)
    for found in (packed, padded):
        assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_a_head_begins_at_the_scores_of_the_first_tokens(encoder: Encoder) -> None:
    words = build_model()
    tokens = [encoder.answers[label][0] for label in LABELS]
    ids = torch.tensor([encoder.prompt("we won").ids])
    with torch.no_grad():
        expected = words(ids).logits[0, -1, tokens]
        replace_output(words, make_head(words, tokens))
        assert torch.allclose(words(ids).logits[0, -1], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["lora", "full", "prefix_tuning"])
def test_resumes_to_the_same_bits(name: str, encoder: Encoder, tmp_path: Path) -> None:
    rows = _rows(encoder, copies=2)
    whole = _headed(name, encoder)
    outcome = _train(tmp_path, whole, rows)
    assert outcome.packed
    assert outcome.prefix > 5
    last = last_complete(tmp_path)
    assert last is not None
    shutil.rmtree(last)
    resumed = _headed(name, encoder)
    assert _train(tmp_path, resumed, rows).resumed == 1
    expected = dict(whole.named_parameters())
    assert any(key.endswith("lm_head.bias") for key in expected)
    for key, value in resumed.named_parameters():
        assert torch.equal(value, expected[key]), key


def test_packing_and_padding_train_alike(encoder: Encoder, tmp_path: Path) -> None:
    rows = _rows(encoder, copies=2)
    losses = []
    for packing in (True, False):
        model = _headed("lora", encoder)
        outcome = _train(tmp_path / str(packing), model, rows, packing=packing, fused=packing)
        assert outcome.packed == packing
        losses.append([entry["loss"] for entry in outcome.history])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_head_on_sixteen_bits_is_packed_and_stays_in_float32(encoder: Encoder) -> None:
    method = METHODS["lora"]
    model = method.adapt(build_model().bfloat16(), method.Settings(r=4))
    replace_output(model, head := make_head(model, range(6)))
    prompts = [encoder.prompt(text).ids for text in TEXTS]
    with torch.autocast("cpu", torch.bfloat16):
        found = head_logits(model, prompts, pad_token=0, progress=False)
    assert head.weight.dtype == found.dtype == torch.float32
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("rate", [1e-2, 3e-5])
def test_the_rate_of_a_head_is_bounded(rate: float, encoder: Encoder) -> None:
    model = _headed("prefix_tuning", encoder)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate)
    bound_head_rate(optimizer, model)
    rates = {
        id(parameter): group["lr"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    head = next(module for module in model.modules() if isinstance(module, LabelHead))
    assert {id(parameter) for parameter in trained} == set(rates)
    for parameter in trained:
        of_head = any(parameter is one for one in head.parameters())
        assert rates[id(parameter)] == (min(rate, HIGHEST) if of_head else rate)


@pytest.mark.parametrize("family", ["llama", "mistral"])
def test_the_words_come_back(family: str, encoder: Encoder) -> None:
    model = build_model(family)
    ids = torch.tensor([encoder.prompt("we won").ids])
    with torch.no_grad():
        expected = model(ids).logits
        before = replace_output(model, make_head(model, range(6)))
        assert model(ids).logits.shape[-1] == 6
        with words_restored(model, before) as head:
            assert torch.equal(model(ids).logits, expected)
        assert model.get_output_embeddings() is head


def test_a_model_without_an_output_layer_is_refused() -> None:
    model = build_model()
    with pytest.raises(UsageError, match="no output layer that a head could replace"):
        make_head(model.model, range(6))
