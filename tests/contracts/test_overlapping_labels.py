"""77 labels that begin and end as others do: parsed and scored together as each one alone."""

import csv
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import build_model, build_tokenizer
from tunelab.classifiers.answer_room import check_encoder, check_parsing
from tunelab.classifiers.asking import label_likelihoods, label_tokens
from tunelab.config import Evaluation
from tunelab.evaluation.parsing.answers import DRESSINGS, parse_answer
from tunelab.inference.prefix_tree import PrefixTree
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import Encoder

# Things that a parcel service is asked about: each begins with, ends with or holds another one.
PARCELS = [
    "parcel_arrival", "parcel_delivery", "parcel_delivery_estimate",
    "parcel_delivery_estimate_late", "parcel", "parcel_lost", "parcel_lost_abroad", "lost_parcel",
    "lost_parcel_claim", "lost",
    "parcel_not_arrived", "parcel_not_working_link", "not_arrived", "arrival", "arrival_time",
    "arrival_time_change", "delivery", "delivery_estimate", "delivery_time", "delivery_times",
    "delivery_to_neighbour", "delivery_to_neighbour_refused", "delivery_refused", "refused",
    "pickup", "pickup_point", "pickup_point_closed", "pickup_time", "pick_up", "pick_up_point",
    "change_address", "change_address_abroad", "address_change", "wrong_address", "address",
    "wrong_address_on_label", "label", "label_print", "label_printing", "label_not_printed",
    "print_label", "customs", "customs_fee", "customs_fee_charged", "customs_fee_charged_twice",
    "fee", "fee_charged", "fee_wrong", "extra_fee", "extra_fee_charged", "charged_twice",
    "refund", "refund_fee", "refund_not_shown", "request_refund", "request_refund_fee",
    "declined_payment", "declined_refund", "payment", "payment_declined", "payment_pending",
    "pending_payment", "pending", "pending_refund", "pin", "pin_blocked", "change_pin",
    "Refund_status", "refund_status", "verify_identity", "unable_to_verify_identity",
    "why_verify_identity", "verify_source", "track", "tracking", "track_parcel", "track parcel",
]  # fmt: skip


def _encoder(tokenizer: Any, labels: list[str] = PARCELS) -> Encoder:
    format = make_format(
        tokenizer, system="One of {labels}.", labels=labels, style="chat", max_length=6000
    )
    return Encoder(tokenizer, format)


def test_they_overlap() -> None:
    assert len(PARCELS) == len(set(PARCELS)) == 77
    begins = [one for one in PARCELS if any(two != one and two.startswith(one) for two in PARCELS)]
    within = [one for one in PARCELS if any(two != one and one in two for two in PARCELS)]
    assert len(begins) > 15
    assert len(within) > 25


def test_each_is_parsed_as_if_it_were_alone() -> None:
    check_parsing(PARCELS)
    for label in PARCELS:
        for dressing in ("{label}", *DRESSINGS):
            text = dressing.format(label=label)
            assert parse_answer(text, PARCELS).label == label, text
            # Beside one that cannot be meant, in place of 76 that could.
            assert parse_answer(text, [label, "zebra"]).label == label, text


def test_two_in_one_answer_are_not_settled() -> None:
    for one, other in (("customs_fee", "refund"), ("parcel_lost", "pickup_time")):
        assert parse_answer(f"{one} or {other}", PARCELS).label is None
    # The longer one is written, and the shorter one within it is not meant.
    assert parse_answer("It is parcel_delivery_estimate.", PARCELS).label == (
        "parcel_delivery_estimate"
    )


@pytest.fixture(scope="module", params=["letters", "smollm2"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    if request.param == "letters":
        return build_tokenizer()
    from tunelab.errors import TunelabError
    from tunelab.models.loading import load_tokenizer

    try:
        return load_tokenizer("smollm2-135m-instruct")
    except TunelabError as error:
        pytest.skip(f"SmolLM2 is not in the cache: {error}")


def _alone(model: Any, prompt: list[int], label: tuple[int, ...]) -> tuple[float, bool]:
    """The plainest way: the whole sequence by itself, softmax over all positions."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([[*prompt, *label]])).logits[0].double()
    before = logits[len(prompt) - 1 : -1]
    tokens = torch.tensor(label)
    chosen = before.log_softmax(-1)[torch.arange(len(label)), tokens]
    return float(chosen.sum()), bool((before.argmax(-1) == tokens).all())


def test_scored_together_as_each_alone(tokenizer: Any) -> None:
    """All labels in one tree, each label's plain sequence, and each label in a tree of its own."""
    encoder = _encoder(tokenizer)
    check_encoder(encoder, Evaluation(), name="tiny")
    labels = label_tokens(encoder)
    # Labels that begin with others are scored with their stop token, so that none is favoured.
    assert all(label[-1] in encoder.stop_tokens for label in labels)
    tree = PrefixTree()
    for label in labels:
        tree.add(label)
    assert len(tree) < sum(map(len, labels))
    model = build_model("llama", vocabulary=len(tokenizer))
    model.config.max_position_embeddings = 8192
    # Without the instruction, which names all labels and is long: what is run 77 times is short.
    short = _encoder(tokenizer, ["a", "b"])
    prompts = [short.prompt(text) for text in ("my parcel is late", "wrong_address")]
    together = label_likelihoods(
        model, encoder, prompts, title="", progress=False, empty=short.prompt("")
    )
    for row, prompt in enumerate(prompts):
        expected = [_alone(model, list(prompt.ids), label) for label in labels]
        assert together.logprobs[row] == pytest.approx([value for value, _ in expected], abs=1e-4)
        assert together.forced[row] == tuple(hit for _, hit in expected)
    best = max(range(77), key=lambda column: together.logprobs[0][column])
    one_by_one = [_alone(model, list(prompts[0].ids), label)[0] for label in labels]
    assert best == one_by_one.index(max(one_by_one))


def test_the_labels_of_banking77_agree_as_well() -> None:
    """The real 77, where a folder with its train.csv is named."""
    folder = os.environ.get("TUNELAB_BANKING77")
    if not folder:
        pytest.skip("TUNELAB_BANKING77 does not name a folder with train.csv of banking77")
    with (Path(folder) / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = sorted(Counter(row["category"] for row in rows))
    assert len(labels) == 77
    check_parsing(labels)
    for label in labels:
        assert parse_answer(f"The label is {label}.", labels).label == label
    tokenizer = build_tokenizer()
    encoder = _encoder(tokenizer, labels)
    model = build_model("llama", vocabulary=len(tokenizer))
    prompt = _encoder(tokenizer, ["a", "b"]).prompt(rows[0]["text"])
    found = label_likelihoods(model, encoder, [prompt], title="", progress=False, empty=prompt)
    expected = [_alone(model, list(prompt.ids), label)[0] for label in label_tokens(encoder)]
    assert found.logprobs[0] == pytest.approx(expected, abs=1e-4)
