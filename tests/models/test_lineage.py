"""Which models can have been made from one another."""

import pytest

from conftest import build_model, build_tokenizer
from tunelab.models.catalog import CATALOG, ModelCard
from tunelab.models.lineage import describe_lineage, known_lineage, other_origin, short_model_name

FOLDER = ModelCard(name="m", kind="folder", source="folder", licence="unknown")


def test_seeds_of_one_shape_are_alike_and_families_are_not() -> None:
    tokenizer = build_tokenizer()
    first, second, other = (
        describe_lineage(FOLDER, build_model(family, seed=seed), tokenizer)
        for family, seed in (("llama", 0), ("llama", 1), ("mistral", 0))
    )
    assert first["family"] == "llama"
    assert first["tokenizer"] == second["tokenizer"]
    assert not other_origin(first, second)
    assert other_origin(first, other)
    # Of a record without an architecture the family tells, and of none nothing is told.
    assert other_origin({"family": "A", "architecture": None}, {"family": "B"})
    assert not other_origin(None, first)


@pytest.mark.parametrize(
    ("left", "right", "other"),
    [
        ("gemma-3-270m", "smollm2-135m-instruct", True),
        ("llama-3.2-1b", "llama-3.2-1b-instruct", False),
        ("llama-3.2-1b", "nobody/nothing", False),
    ],
)
def test_what_the_catalog_knows(left: str, right: str, other: bool) -> None:
    assert other_origin(known_lineage(left), known_lineage(right)) is other


def test_every_model_of_the_catalog_has_a_family() -> None:
    assert all(card.family for card in CATALOG.values())
    assert short_model_name("/a/b/model-folder") == "model-folder"
