"""What was forgotten, from what a model could do before and after."""

import json
import math

import pytest

from tunelab.evaluation.forgetting import compare_skill, in_words, read_forgetting

BEFORE = [2.0, 2.5, 3.0, None, 2.2]


def test_perplexity_and_answers_are_compared_in_pairs() -> None:
    after = [2.2, 2.8, 3.1, 9.0, 2.4]
    right = [True] * 12 + [False] * 12
    found = compare_skill((BEFORE, right), (after, [False] * 24))
    assert found.sentences == 4
    assert found.perplexity == pytest.approx((math.exp(9.7 / 4), math.exp(10.5 / 4)))
    assert found.factor.value == pytest.approx(math.exp(0.2))
    assert found.factor.low is not None
    assert found.factor.high is not None
    assert 1 < found.factor.low < math.exp(0.2) < found.factor.high
    assert found.answered == (0.5, 0.0)
    assert found.change.value == -0.5
    told = in_words("lora", found)
    assert "goes from 11.3" in told
    assert "of 24 simple prompts it answers 0.0 % correctly, and 50.0 % before (−50.0 %" in told
    assert told.endswith("It has forgotten some of what it knew.")
    assert read_forgetting(json.loads(json.dumps(found.to_dict()))) == found


def test_where_nothing_changed_nothing_is_shown() -> None:
    same = compare_skill((BEFORE, [True, False]), (BEFORE, [True, False]))
    assert same.factor.value == 1.0
    assert same.factor.low is None
    assert same.factor.reason is not None
    assert "not shown that it has forgotten" in in_words("lora", same)
    nothing = compare_skill(([None], []), ([1.0], []))
    assert nothing.perplexity == (None, None)
    assert nothing.factor.value is None
    assert nothing.answered == (None, None)
    assert nothing.change.reason is not None
