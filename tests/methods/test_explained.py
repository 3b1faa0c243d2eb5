"""What a method's docstring says, in blocks."""

import pytest

from tunelab import registry
from tunelab.errors import UsageError
from tunelab.methods.contract import find_method
from tunelab.methods.contrasts import CONTRASTS
from tunelab.methods.explained import explain


@pytest.mark.parametrize("name", registry.METHODS)
def test_nothing_is_lost(name: str) -> None:
    found = explain(name)
    text = find_method(name).explanation
    shown = [found.known_as, found.title, *(block for _, block in found.blocks), found.source]
    assert set(" ".join(text.split()).split()) - {"Source:", "Sources:"} <= {
        word
        for part in (*shown, f"{found.source},", f"{found.known_as}:", f"{found.url}.")
        for word in part.split()
    }
    assert found.title.endswith(".")
    assert found.url.startswith("https://")
    assert not any(block.startswith(" ") for formula, block in found.blocks if not formula)


def test_a_name_that_is_unknown() -> None:
    with pytest.raises(UsageError, match="did you mean lora"):
        explain("loro")


def test_contrasts_name_methods_that_exist() -> None:
    named = {name for contrast in CONTRASTS for name in contrast.methods}
    assert named < set(registry.METHODS)
    assert len(CONTRASTS) > 1
