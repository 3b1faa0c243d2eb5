"""Every preset's names resolve, and it says what it does."""

import pytest

from tunelab.errors import UsageError
from tunelab.study.cell_list import cells_of, tuned_cells
from tunelab.study.opening import open_study, preset_names
from tunelab.study.resolution import method_settings


@pytest.mark.parametrize("name", preset_names())
def test_preset_resolves(name: str) -> None:
    study = open_study(name)
    assert study.name == name
    kinds = [cell.estimator.about["kind"] for cell in cells_of(study)]
    # The preset for own data asks no base model, which would be of another family.
    expected = {"base", "instruct", "tuned", "classical", "embedding", "encoder"}
    if name == "own":
        expected -= {"base"}
    assert expected == set(kinds)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("methods.0.name=lorra", "did you mean lora"),
        ("methods.0.rank=8", "methods.0.rank"),
        ("methods.0.r=-1", "methods.0.r"),
        ("methods.0.dropout=1.5", "methods.0.dropout"),
        ("methods.0.model=smollm2-135m", "did you mean smollm2-135m-instruct"),
        ("methods.0.id=base", "cannot be called"),
        ("methods=[{name: lora}, {name: lora}]", "two methods"),
        ("models.base=gema-3-270m", "did you mean gemma-3-270m"),
        ("models.instruct=null", "models.instruct is null"),
        ("data.source=strter", "did you mean starter"),
        ("data.source=missing.csv", "no such file"),
        ("evaluation.baselines=[svm]", "unknown classifier"),
        ("training.tracking=[tensorbord]", "did you mean tensorboard"),
    ],
)
def test_a_wrong_name_fails_before_any_work(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_study("starter", [override])


def test_a_method_that_is_left_out_takes_no_claims_away() -> None:
    assert [cell.name for cell in tuned_cells(open_study("starter"))] == ["lora", "lora-head"]
    study = open_study("starter", ["methods=[{name: lora}]"])
    assert study.claims == open_study("starter").claims
    with pytest.raises(UsageError, match="two methods are called 'lora-head'"):
        open_study("starter", ["methods.0.id=lora-head"])


def test_adapters_in_the_top_layers_stand_beside_those_in_all() -> None:
    entries = {entry.called: entry for entry in open_study("emotion-cpu").methods}
    assert method_settings(entries["lora-top-10"]).layers == "top-10"
    assert "lora-top-10" in {cell.name for cell in tuned_cells(open_study("emotion-cpu"))}
    claim = next(one for one in open_study("emotion-cpu").claims if one.left == "lora-top-10")
    assert (claim.right, claim.relation) == ("lora", "about")
    larger = open_study("llama-3.2-1b")
    assert [entry.called for entry in larger.methods] == ["lora", "lora-head"]
    assert "lora-top-10" not in {claim.left for claim in larger.claims}
    with pytest.raises(UsageError, match="unknown side of a claim 'lorra-top-10'"):
        open_study(
            "emotion-cpu",
            ["claims.0={claim: x, metric: accuracy, left: lorra-top-10, right: lora}"],
        )


def test_unknown_preset() -> None:
    with pytest.raises(UsageError, match="did you mean starter"):
        open_study("startr")
