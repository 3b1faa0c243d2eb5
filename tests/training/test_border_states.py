"""Training from hidden states at the border of the trained layers: the same as the whole model.

Kept states and states computed anew give the same bits; both give what the whole forward pass
gives, up to rounding.
"""

import sqlite3
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import OPTConfig, OPTForCausalLM

from conftest import LABELS, build_model, build_tokenizer, shorten_windows
from tunelab import registry
from tunelab.config import Training
from tunelab.errors import UsageError
from tunelab.evaluation.metrics.training_time import time_doubt
from tunelab.inference.layer_list import find_layers, lowest_trained, states_before
from tunelab.inference.packed_attention import packed_attention
from tunelab.inference.packing import pack_rows
from tunelab.models.state_cache import state_file
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.training.batching import PackedCollator, run_ids
from tunelab.training.border_states import BorderStates, StatesCollator, border_states
from tunelab.training.fused.layers import fused_layers
from tunelab.training.loss import answer_logits, answer_loss
from tunelab.training.plan import plan_batches
from tunelab.training.train import TrainingOutcome, train

FAMILIES = ["llama", "mistral", "phi3", "gemma3", "qwen3"]
METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
LAYERED = [name for name, method in METHODS.items() if "layers" in method.Settings.model_fields]
# As in test_exactness.py: sums in another order.
TOLERANCE = 1e-5
TEXTS = [
    "the rain came",
    "the rain came down all day and we sat at the window",
    "we said nothing " * 4,
    "the rain came",
    "said",
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNELAB_STATES", raising=False)


@pytest.fixture(scope="module")
def rows() -> list[EncodedExample]:
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="chat", max_length=150
    )
    encoder = Encoder(tokenizer, format)
    return [
        encoder.example(text, label) for text, label in zip(TEXTS * 4, LABELS * 4, strict=False)
    ]


def _adapted(method: str = "lora", family: str = "llama", **settings: Any) -> Any:
    torch.manual_seed(3)
    small = {"r": 4} if "r" in METHODS[method].Settings.model_fields else {}
    chosen = METHODS[method].Settings(**{"layers": "top-1", **small, **settings})
    model = METHODS[method].adapt(build_model(family), chosen)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
            elif "ia3_l" in name or "magnitude" in name:
                parameter.mul_(1 + 0.2 * torch.randn_like(parameter))
    return model


def _states(model: Any, rows: list[EncodedExample]) -> tuple[BorderStates, int]:
    ids = [run_ids(row) for row in rows]
    prefix = common_prefix([row.ids for row in rows], [row.prompt_length for row in rows])
    states, whole = border_states(model, ids, prefix, packed=True, sharded=False)
    assert states is not None, whole
    return states, prefix


def _outcome(model: Any, batch: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    model.zero_grad()
    loss = answer_loss(answer_logits(model, batch))
    loss.backward()
    return float(loss.detach()), {
        name: value.grad.clone() for name, value in model.named_parameters() if value.requires_grad
    }


@pytest.mark.parametrize(
    ("method", "family"),
    [*((method, "llama") for method in LAYERED), *(("lora", family) for family in FAMILIES[1:])],
)
def test_loss_and_gradients(method: str, family: str, rows: list[EncodedExample]) -> None:
    model = _adapted(method, family)
    states, prefix = _states(model, rows)
    assert states.border == 2
    assert len(states.shared) == prefix // 8 * 8 > 0
    plain = PackedCollator(prefix)
    collate = StatesCollator(plain, run_ids, states)
    model.train()
    with ExitStack() as stack:
        stack.enter_context(packed_attention(model))
        expected = _outcome(model, plain(rows[:5]))
        stack.enter_context(fused_layers(model))
        found = _outcome(model, collate(rows[:5]))
        again = _outcome(model, collate(rows[:5]))
    assert (states.computed, states.read) == (5, 5)
    assert found[0] == again[0]
    assert found[0] == pytest.approx(expected[0], rel=TOLERANCE)
    for name, gradient in expected[1].items():
        assert torch.equal(found[1][name], again[1][name])
        assert float((found[1][name] - gradient).norm() / gradient.norm()) < TOLERANCE, name


def test_states_depend_on_no_batch_and_no_form(rows: list[EncodedExample]) -> None:
    model = _adapted(layers="top-2")
    states, prefix = _states(model, rows)
    assert states.border == 1
    ids = [tuple(run_ids(row)) for row in rows[:5]]

    def of_row(number: int, *others: int) -> Any:
        states.identity = None
        some = [ids[number], *(ids[other] for other in others)]
        tokens, _, layout = pack_rows(some, prefix)
        packed = states.packed(some, layout, tokens.shape[1])
        return packed[0, [*range(prefix), *layout.rows[0]]]

    for number in range(5):
        alone = of_row(number)
        assert alone.shape == (len(ids[number]), 32)
        with torch.no_grad():
            whole = model(
                input_ids=torch.tensor([ids[number]]), output_hidden_states=True
            ).hidden_states[1][0]
        assert float((alone - whole).norm() / whole.norm()) < TOLERANCE
        with fused_layers(model):
            others = [other for other in range(5) if other != number]
            assert torch.equal(of_row(number, *others), alone)


@pytest.mark.parametrize("family", ["mistral", "gemma3"])
def test_a_window_shorter_than_the_rows(family: str, rows: list[EncodedExample]) -> None:
    model = _adapted(family=family)
    shorten_windows(model.get_base_model(), family, 12)
    states, prefix = _states(model, rows)
    plain = PackedCollator(prefix)
    with packed_attention(model):
        expected = _outcome(model, plain(rows[:5]))
        found = _outcome(model, StatesCollator(plain, run_ids, states)(rows[:5]))
    assert found[0] == pytest.approx(expected[0], rel=TOLERANCE)


def _train(
    folder: Path,
    rows: list[EncodedExample],
    precision: str = "float32",
    dropout: float = 0.0,
    **options: Any,
) -> TrainingOutcome:
    defaults: dict[str, Any] = {"tracking": [], "epochs": 3, "batch_size": 4, "warmup": 0}
    model = _adapted(dropout=dropout)
    if precision != "float32":
        model = METHODS["lora"].adapt(
            build_model().to(getattr(torch, precision)),
            METHODS["lora"].Settings(r=4, layers="top-1"),
        )
    return train(
        model,
        train_rows=rows[:12],
        validation_rows=rows[12:16],
        pad_token=0,
        options=Training(**(defaults | options)),
        learning_rate=1e-2,
        precision=precision,
        device="cpu",
        seed=1,
        folder=folder,
    )


def _weights(outcome: TrainingOutcome) -> dict[str, Any]:
    return {name: value for name, value in outcome.model.named_parameters() if value.requires_grad}


def _losses(outcome: TrainingOutcome) -> list[float]:
    return [row["loss"] for row in outcome.history]


def test_kept_and_computed_states_train_to_the_same_bits(
    rows: list[EncodedExample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _train(tmp_path / "first", rows)
    later = _train(tmp_path / "later", rows)
    monkeypatch.setenv("TUNELAB_STATES", "0")
    anew = _train(tmp_path / "anew", rows)
    records = [one.border_states for one in (first, later, anew)]
    assert [record["border"] for record in records if record] == [2, 2, 2]
    # Each text once with each of its labels; then none.
    assert records[0] is not None
    assert 0 < records[0]["rows_computed"] <= 16
    assert records[1] is not None
    assert records[1]["rows_computed"] == 0 < records[1]["rows_read"]
    assert records[1]["rows_kept_before"] == records[0]["rows_computed"]
    assert records[0]["rows_kept_before"] == 0
    assert time_doubt({"border_states": records[0]}) is None
    assert "an earlier training kept the hidden" in str(time_doubt({"border_states": records[1]}))
    assert records[2] is not None
    assert records[2]["rows_read"] == 0 < records[2]["rows_computed"]
    expected = _weights(first)
    ids = torch.tensor([rows[0].ids])
    logits = [one.model(input_ids=ids).logits for one in (first, later, anew)]
    for other, found in ((later, logits[1]), (anew, logits[2])):
        assert _losses(other) == _losses(first)
        assert all(torch.equal(value, expected[name]) for name, value in _weights(other).items())
        assert torch.equal(found, logits[0])


def test_dropout_of_the_adapter_and_accumulated_steps(
    rows: list[EncodedExample], tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        "dropout": 0.2,
        "gradient_accumulation": 2,
        "batch_size": 2,
        "epochs": 2,
    }
    first, later = (_train(tmp_path / name, rows, **options) for name in ("first", "later"))
    assert first.border_states is not None
    assert later.border_states is not None
    assert first.border_states["rows_computed"] > 0 == later.border_states["rows_computed"]
    assert _losses(later) == _losses(first)
    expected = _weights(first)
    assert all(torch.equal(value, expected[name]) for name, value in _weights(later).items())


def test_sixteen_bits(rows: list[EncodedExample], tmp_path: Path) -> None:
    found = [
        _train(tmp_path / name, rows, precision="bfloat16", epochs=1) for name in ("first", "later")
    ]
    first, later = (one.border_states for one in found)
    assert first is not None
    assert later is not None
    assert first["rows_computed"] == later["rows_kept_before"] > 0
    assert _losses(found[0]) == _losses(found[1])


def test_training_comes_to_what_the_whole_model_comes_to(
    rows: list[EncodedExample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _train(tmp_path / "states", rows)
    monkeypatch.setattr("tunelab.training.border_states.lowest_trained", lambda model, layers: 0)
    whole = _train(tmp_path / "whole", rows)
    assert whole.border_states is None
    assert _losses(found) == pytest.approx(_losses(whole), rel=1e-3)


def test_other_rows_threads_and_weights_have_other_states(
    rows: list[EncodedExample], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _adapted()
    identity = _states(model, rows)[0].identity
    assert identity is not None
    # Adapters stand above, and do not matter; nor do other rows with the same beginning.
    assert _states(_adapted("ia3"), rows[:2])[0].identity == identity
    model.config.use_cache = not model.config.use_cache
    assert _states(model, rows)[0].identity == identity
    assert _states(_adapted(layers="top-2"), rows)[0].identity != identity
    assert _states(_adapted(family="qwen3"), rows)[0].identity != identity
    with torch.no_grad():
        model.get_base_model().model.layers[0].mlp.up_proj.weight[0, 0] += 1e-3
    assert _states(model, rows)[0].identity != identity
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert _states(_adapted(), rows)[0].identity != identity


def test_a_damaged_row_is_computed_again(rows: list[EncodedExample], tmp_path: Path) -> None:
    expected = _weights(_train(tmp_path / "first", rows))
    with closing(sqlite3.connect(state_file())) as database, database:
        database.execute("UPDATE contents SET content = zeroblob(length(content))")
    found = _train(tmp_path / "second", rows)
    assert found.border_states is not None
    assert found.border_states["rows_computed"] > 0
    assert all(torch.equal(value, expected[name]) for name, value in _weights(found).items())


def _reason(model: Any, rows: list[EncodedExample], **options: Any) -> Any:
    plan = plan_batches(model, rows, [], Training(tracking=[], **options), pad_token=0, seed=0)
    assert plan.states is None
    return plan.whole_model


def test_why_the_whole_model_runs(
    rows: list[EncodedExample], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _reason(_adapted(layers="all"), rows) is None
    padded = _reason(_adapted(), rows, packing=False)
    assert padded == {"border": 2, "whole_model": "rows are not packed"}
    drops = _adapted()
    _first(drops).self_attn.attention_dropout = 0.1
    assert "drop out" in _reason(drops, rows)["whole_model"]
    other = _adapted()
    top = other.get_base_model().model.layers[2]
    # As a layer that sees what layers below did would answer.
    monkeypatch.setattr(
        top.mlp.act_fn, "forward", lambda x: x * (1 + float(len(vars(_first(other)))))
    )
    assert "other answers" in _reason(other, rows)["whole_model"]


def _opt(**chosen: Any) -> Any:
    shape = {"vocab_size": 600, "hidden_size": 32, "ffn_dim": 64, "word_embed_proj_dim": 32}
    config = OPTConfig(**shape, num_hidden_layers=3, num_attention_heads=4, **chosen)
    torch.manual_seed(0)
    settings = METHODS["lora"].Settings(r=4, layers="top-1")
    return METHODS["lora"].adapt(OPTForCausalLM(config), settings)


@pytest.mark.parametrize("chosen", [{"dropout": 0.1}, {"dropout": 0.0, "layerdrop": 0.1}])
def test_dropout_without_a_module(chosen: dict[str, float], rows: list[EncodedExample]) -> None:
    # The model of OPT calls the function, and leaves out layers in its own forward pass.
    model = _opt(**chosen).train()
    ids = [run_ids(row) for row in rows]
    before = torch.get_rng_state()
    states, whole = border_states(model, ids, 0, packed=True, sharded=False)
    assert states is None
    assert whole is not None
    assert "drop out numbers at random" in whole["whole_model"]
    assert torch.equal(torch.get_rng_state(), before)


def test_states_are_those_of_evaluation(rows: list[EncodedExample]) -> None:
    model = _opt(dropout=0.5).train()
    model.base_model.model.model.decoder.layers[2].eval()
    modes = [module.training for module in model.modules()]
    found = find_layers(model)
    assert found is not None
    ids = torch.tensor([rows[0].ids])
    states = states_before(found, 2, input_ids=ids)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(states, states_before(found, 2, input_ids=ids))
    assert not torch.equal(states, states_before(found, 2, training=True, input_ids=ids))


def test_more_states_than_the_limit(
    rows: list[EncodedExample], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = _states(_adapted(), rows)[0].size([run_ids(row) for row in rows])
    monkeypatch.setenv("TUNELAB_STATES", f"{size - 1} B")
    assert "more than the limit of" in _reason(_adapted(), rows)["whole_model"]
    monkeypatch.setenv("TUNELAB_STATES", f"{size} B")
    _states(_adapted(), rows)


def test_rows_of_another_process_are_not_of_an_earlier_training(
    rows: list[EncodedExample],
) -> None:
    model, ids = _adapted(), [run_ids(row) for row in rows]
    one, other = _states(model, rows)[0], _states(model, rows)[0]
    one._own_states(ids[:3])
    other._own_states(ids[:4])
    assert (other.read, other.computed, other.kept_before) == (3, 1, 0)
    assert _states(model, rows)[0].kept_before == 4


def _first(model: Any) -> Any:
    return model.get_base_model().model.layers[0]


def test_what_lies_below_the_border(rows: list[EncodedExample]) -> None:
    model = _adapted()
    found = find_layers(model)
    assert found is not None
    assert (found.name, len(found.layers)) == ("layers", 3)
    assert lowest_trained(model, found.layers) == 2
    # An embedding that is trained lies below every layer, also where the output layer shares it.
    model.get_input_embeddings().weight.requires_grad_(True)
    assert lowest_trained(model, found.layers) == 0
    model.requires_grad_(False)
    assert lowest_trained(model, found.layers) == 0


def test_a_word_that_is_no_size(
    rows: list[EncodedExample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNELAB_STATES", "plenty")
    with pytest.raises(UsageError, match="TUNELAB_STATES='plenty' is no size; give one such as"):
        _states(_adapted(), rows)


def test_a_row_without_the_shared_tokens(rows: list[EncodedExample]) -> None:
    states = replace(_states(_adapted(), rows)[0], identity=None)
    ids = [9, *run_ids(rows[0])]
    tokens, _, layout = pack_rows([ids], 0)
    with pytest.raises(ValueError, match="does not begin with the shared tokens"):
        states.packed([ids], layout, tokens.shape[1])
