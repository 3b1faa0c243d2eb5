"""Weights of labels in the loss, and epochs of as many rows of each label."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from conftest import LABELS, build_model, build_tokenizer
from tunelab.config import Training, make_study
from tunelab.errors import UsageError
from tunelab.inference.packed_attention import packed_attention
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.training.batching import PackedCollator, PaddedCollator
from tunelab.training.class_weights import class_weights
from tunelab.training.loss import AnswerLogits, answer_logits, answer_loss, weights_of
from tunelab.training.ordering import LengthGroupedOrder

TRUTH = ["joy"] * 8 + ["fear"] * 3 + ["anger"]


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    names = np.unique(TRUTH)
    expected = compute_class_weight("balanced", classes=names, y=np.asarray(TRUTH))
    found = class_weights("balanced", TRUTH, ("joy", "fear", "anger", "none"))
    assert found is not None
    assert [found[name] for name in names] == pytest.approx(expected)
    assert sum(found[label] for label in TRUTH) == pytest.approx(len(TRUTH))


def test_given_weights() -> None:
    labels = ("joy", "fear", "anger")
    assert class_weights({"fear": 3.0}, TRUTH, labels) == {"joy": 1.0, "fear": 3.0, "anger": 1.0}
    # Rows of validation may have a label that no training row has.
    named = class_weights({"none": 2.0}, TRUTH, (*labels, "none"))
    assert named == {"joy": 1.0, "fear": 1.0, "anger": 1.0, "none": 2.0}
    assert class_weights(None, TRUTH, labels) is None
    with pytest.raises(UsageError, match="did you mean fear"):
        class_weights({"faer": 3.0}, TRUTH, labels)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"class_weights": {"a": 0}}, "class_weights"),
        ({"class_weights": "even"}, "class_weights"),
        ({"sampling": "balanced", "batch_tokens": 400}, "batch_size instead"),
    ],
)
def test_what_cannot_be_set(value: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_study({"training": value})


def test_keys_change_only_where_they_are_set() -> None:
    plain = Training().key(exclude={"seeds"})
    assert not {"class_weights", "sampling", "seeds"} & set(plain)
    assert Training(class_weights="balanced").key(exclude=set())["class_weights"] == "balanced"
    assert Training(sampling="balanced").key(exclude=set())["sampling"] == "balanced"


def rows() -> list[EncodedExample]:
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="chat", max_length=150
    )
    encoder = Encoder(tokenizer, format)
    texts = ["a", "the rain came down all day", "nothing said", "we sat at the window"]
    found = [encoder.example(text, LABELS[number]) for number, text in enumerate(texts)]
    return [
        replace(row, weight=weight) for row, weight in zip(found, (0.4, 3.0, 1.0, 2.5), strict=True)
    ]


def test_packed_and_padded_losses_are_the_plain_weighted_one() -> None:
    examples = rows()
    prefix = common_prefix([row.ids for row in examples], [row.prompt_length for row in examples])
    model = build_model()
    plain = torch.zeros(())
    for row in examples:
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, :-1].float()
        plain = plain + row.weight * torch.nn.functional.cross_entropy(
            logits, torch.tensor(row.labels[1:]), ignore_index=-100, reduction="sum"
        )
    plain.backward()
    gradient = model.get_input_embeddings().weight.grad.clone()
    padded = answer_loss(answer_logits(model, PaddedCollator(0)(examples)))
    assert float(padded.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    model.zero_grad()
    with packed_attention(model):
        for shared in (0, prefix):
            model.zero_grad()
            packed = answer_loss(answer_logits(model, PackedCollator(shared)(examples)))
            packed.backward()
            assert float(packed.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
            off = model.get_input_embeddings().weight.grad - gradient
            assert float(off.norm() / gradient.norm()) < 1e-5


def test_rows_that_weigh_alike_have_no_weights() -> None:
    assert weights_of([1.0, 1.0], [0, 0, 1]) == {}
    answers = AnswerLogits(torch.zeros(3, 5), torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1]))
    weighted = replace(answers, **weights_of([2.0, 1.0], [0, 0, 1]))
    assert (answers.weight, weighted.weight) == (3.0, 5.0)
    assert float(answer_loss(weighted)) == pytest.approx(float(answer_loss(answers)) * 5 / 3)


def test_an_epoch_has_as_many_rows_of_each_label() -> None:
    order = LengthGroupedOrder([10] * 12, 4, 3, TRUTH)
    first = list(order)
    assert len(first) == 12
    assert Counter(TRUTH[row] for row in first) == {"joy": 4, "fear": 4, "anger": 4}
    # As a resumed epoch asks for it again.
    assert list(LengthGroupedOrder([10] * 12, 4, 3, TRUTH)) == first
    seen = set(first)
    for epoch in range(1, 20):
        order.set_epoch(epoch)
        seen |= set(order)
    assert seen == set(range(12))
    assert len(list(LengthGroupedOrder([10] * 7, 4, 3, TRUTH[4:11]))) == 7
