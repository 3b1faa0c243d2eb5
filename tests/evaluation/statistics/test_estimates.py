"""What statistics return, as JSON."""

import json
from types import MappingProxyType

from tunelab.evaluation.statistics.estimates import Difference, Estimate


def test_as_json() -> None:
    assert json.loads(json.dumps(Estimate(0.5, 0.4, 0.6).to_dict())) == {
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "reason": None,
        "bound": None,
    }
    difference = Difference(
        value=0.1,
        low=0.0,
        high=0.2,
        p_value=0.04,
        test="exact McNemar",
        margin=0.0,
        effect=None,
        effect_name=None,
        rows=10,
        rows_needed=12,
        details=MappingProxyType({"only_left": 1}),
    )
    assert json.loads(json.dumps(difference.to_dict()))["details"] == {"only_left": 1}
