"""Which trainings a label budget has, and what of it is refused before any work."""

from typing import Any

import pytest

from tunelab.config import Study, make_study
from tunelab.errors import UsageError
from tunelab.evaluation.label_budget.answers import BudgetCell
from tunelab.study.label_budget.plan import BudgetPlan, read_plan
from tunelab.study.label_budget.planning import make_plan
from tunelab.study.resolution import check_names

COUNTS = {"joy": 40, "fear": 25, "anger": 5, "love": 0}


def study(**budget: Any) -> Study:
    return make_study(
        {
            "models": {"base": None, "instruct": None},
            "methods": [],
            "classifiers": [
                {"name": "linear", "use": "tfidf-logistic"},
                {"name": "zero", "use": "asked", "model": "smollm2-135m-instruct"},
            ],
            "evaluation": {"baselines": ["tfidf-svm"]},
            "budget": budget,
        }
    )


def plan(**budget: Any) -> BudgetPlan:
    made = make_plan(study(**budget), COUNTS)
    assert made is not None
    return made


def test_every_draw_is_complete_before_the_next() -> None:
    made = plan(per_class=[2, 4, "all"], draws=2)
    assert made.classifiers == ("tfidf-svm", "linear")
    assert made.draws == (2, 2, 1)
    cells = list(made.cells())
    assert len(cells) == len(set(cells)) == made.trainings == 10
    assert [cell.draw for cell in cells] == [0] * 6 + [1] * 4
    assert cells[0] == BudgetCell("tfidf-svm", 0, 0)
    assert len({made.named(cell) for cell in cells}) == 10
    assert made.in_words(cells[4]) == "tfidf-svm, all rows, draw 1"


def test_rows_of_a_draw_and_of_all_trainings() -> None:
    made = plan(per_class=[2, 8, "all"], draws=3)
    assert made.rows == (6, 8 + 8 + 5, 70)
    assert made.rows_a_label == (2.0, 7.0, 70 / 3)
    assert made.trained_rows == 2 * (3 * 6 + 3 * 21 + 70)
    assert "14 trainings" in made.sentence()
    assert "302 training rows" in made.sentence()


def test_a_label_with_fewer_rows_is_named() -> None:
    made = plan(per_class=[4, 8, 30])
    assert made.short == ({}, {"anger": 5}, {"fear": 25, "anger": 5})
    first, second = made.notes()
    assert "At 8 rows a label, a label has fewer training rows and gives all of them" in first
    assert "anger (5)" in first
    assert "fear (25), anger (5)" in second


def test_a_plan_is_read_again() -> None:
    made = plan(per_class=[4, 8, "all"])
    assert read_plan(made.to_dict()) == made


def test_a_study_without_a_budget_has_no_plan() -> None:
    assert make_plan(make_study({}), COUNTS) is None


def test_chosen_classifiers_are_in_the_order_of_the_study() -> None:
    assert plan(per_class=[2], classifiers=["linear", "tfidf-svm"]).classifiers == (
        "tfidf-svm",
        "linear",
    )


def test_a_size_beyond_every_label_is_refused() -> None:
    with pytest.raises(UsageError, match=r"40 rows a label.*'joy'.*leave out 40"):
        make_plan(study(per_class=[8, 40]), COUNTS)


def test_a_classifier_that_is_not_trained_is_refused() -> None:
    with pytest.raises(UsageError, match=r"zero, which is not trained.*tfidf-svm, linear"):
        make_plan(study(per_class=[2], classifiers=["zero"]), COUNTS)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"per_class": [8, 8]}, "must ascend"),
        ({"per_class": [16, 8]}, "must ascend"),
        ({"per_class": ["all", 8]}, "must ascend"),
        ({"per_class": []}, "per_class"),
        ({"per_class": [0]}, "per_class"),
        ({"draws": 0}, "draws"),
        ({"classifiers": []}, "classifiers"),
        ({"classifiers": ["linear", "linear"]}, "twice"),
        ({"stop": "never"}, "stop"),
        ({"margin": 1.0}, "margin"),
        ({"sizes": [8]}, "sizes"),
    ],
)
def test_what_is_no_budget(budget: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        study(**budget)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("liner", "did you mean linear"),
        ("instruct", "asked and not trained"),
        ("linear-seed2", "name linear, as each draw has a seed"),
    ],
)
def test_names_are_resolved_before_any_work(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_names(study(classifiers=[name]))


def test_what_is_only_asked_is_compared_without_a_training() -> None:
    made = plan(per_class=[2], draws=3)
    assert made.asked == ("zero",)
    assert made.trainings == 6
    assert made.sentence().endswith("They are compared with zero, asked once.")
    older = {key: value for key, value in made.to_dict().items() if key != "asked"}
    assert read_plan(older).asked == ()


def test_two_draws_are_told_of_before_they_are_trained() -> None:
    assert any("Two draws do not show" in note for note in plan(per_class=[2], draws=2).notes())
    assert not plan(per_class=[2], draws=3).notes()
