"""The instruction with labels and their descriptions."""

import pytest

from tunelab.errors import UsageError
from tunelab.prompts.conversation import write_instruction


def test_descriptions_of_labels() -> None:
    labels = ["joy", "fear", "{descriptions}"]
    given = {"fear": "afraid {labels}", "joy": "glad"}
    assert write_instruction("One of {labels}.", labels) == "One of joy, fear, {descriptions}."
    below = write_instruction("One.", labels, given)
    assert below == "One.\n\njoy: glad\nfear: afraid {labels}"
    inside = write_instruction("Labels:\n{descriptions}\n{labels}", labels, given)
    assert inside == "Labels:\njoy: glad\nfear: afraid {labels}\njoy, fear, {descriptions}"
    assert write_instruction("", labels, {"joy": "glad"}) == "joy: glad"
    with pytest.raises(UsageError, match=r"has 'jo', which is no label of the data; did you mean"):
        write_instruction("", labels, {"jo": "glad"})
