"""Settings of a service: options before variables, before defaults; and who needs a token."""

import pytest

from tunelab.errors import UsageError
from tunelab.serving.http.settings import OPTIONS, ServeSettings, read_settings


def test_an_option_wins_over_its_variable() -> None:
    environment = {"TUNELAB_SERVE_QUEUE": "7", "TUNELAB_SERVE_BATCH_WAIT": "0.5", "HOME": "/"}
    found = read_settings({"queue": "9", "port": "0"}, environment, None)
    assert (found.queue, found.batch_wait, found.port) == (9, 0.5, 0)
    assert found.texts == ServeSettings().texts


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_acts_from_both_sides(name: str) -> None:
    words = {"host": "127.0.0.1", "device": "cpu", "record": "a.jsonl", "record_as": "texts"}
    text = words.get(name, "3")
    by_option = read_settings({name: text}, {}, None)
    by_variable = read_settings({}, {f"TUNELAB_SERVE_{name.upper()}": text}, None)
    assert by_option == by_variable
    assert str(getattr(by_option, name)).removesuffix(".0") == text


@pytest.mark.parametrize(
    ("given", "environment", "said"),
    [
        ({"queue": "0"}, {}, "--queue must be above 0"),
        ({"queue": "many"}, {}, "--queue must be a whole number"),
        ({"queue": "1.5"}, {}, "--queue must be a whole number"),
        ({"batch_wait": "nan"}, {}, "--batch-wait must be 0 or more"),
        ({"batch_wait": "-1"}, {}, "--batch-wait must be 0 or more"),
        ({}, {"TUNELAB_SERVE_TEXTS": "x"}, "TUNELAB_SERVE_TEXTS must be a whole number"),
        ({}, {"TUNELAB_SERVE_TEXT": "5"}, "TUNELAB_SERVE_TEXT, which is no setting"),
        ({"host": "0.0.0.0"}, {}, "needs a token"),
    ],
)
def test_what_cannot_be_used(given: dict[str, str], environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_settings(given, environment, None)


@pytest.mark.parametrize("token", ["größer als acht", "two\nlines of it", "\udce9 a byte alone"])
def test_a_token_that_no_header_carries(token: str) -> None:
    with pytest.raises(UsageError, match="signs of ASCII alone") as refused:
        read_settings({}, {}, token)
    assert token not in str(refused.value)


def test_other_machines_with_a_token_and_any_name() -> None:
    found = read_settings({"host": "0.0.0.0"}, {}, "a long secret")
    assert found.hosts is None
    assert "secret" not in repr(found)
    assert read_settings({}, {}, None).hosts == frozenset(("127.0.0.1", "::1", "localhost"))
