"""Open prompts with answers that a rule can check."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.generation.persona import contains_any
from tunelab.guards.bounded_files import home_path, is_file, read_bounded

CHECKABLE = "checkable"
# Bytes of a file of prompts, and seconds that a rule may take on an answer.
_LARGEST = 50_000_000
_PATIENCE = 0.5


@dataclass(frozen=True)
class OpenPrompt:
    """A prompt and the rules of a right answer; without rules no answer is right or wrong."""

    id: str
    text: str
    kind: str = "open"
    contains: tuple[str, ...] = ()
    matches: str | None = None
    avoids: str | None = None

    def right(self, answer: str) -> bool | None:
        """Whether an answer keeps the rules, or None where there are none.

        Raises:
            UsageError: a rule takes too long, or is no regular expression.
        """
        if not self.contains and self.matches is None and self.avoids is None:
            return None
        stripped = answer.strip()
        return (
            (not self.contains or contains_any(stripped, self.contains))
            and (self.matches is None or self._found(f"(?:{self.matches})\\Z", stripped, True))
            and (self.avoids is None or not self._found(self.avoids, stripped, False))
        )

    def _found(self, rule: str, answer: str, from_start: bool) -> bool:
        """Whether a rule is found; unlike `re`, `regex` gives up a rule that takes too long."""
        import regex

        look = regex.match if from_start else regex.search
        try:
            return look(rule, answer, timeout=_PATIENCE) is not None
        except TimeoutError:
            raise UsageError(
                f"the rule {rule[:60]!r} of the prompt {self.id!r} takes too long on an answer; "
                "write it without repetitions within repetitions."
            ) from None
        except regex.error as error:
            raise UsageError(
                f"the rule {rule[:60]!r} is not a valid regular expression: {error}."
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """The prompt as JSON values."""
        return asdict(self)


def read_prompts(name: str) -> list[OpenPrompt]:
    """The prompts of ``checkable``, of a YAML file like it, or of a text file, one a line.

    Raises:
        UsageError: there is no such file, or a prompt in it is none.
    """
    if name == CHECKABLE:
        from importlib.resources import files

        path = Path(str(files("tunelab.generation") / "prompt_sets" / f"{CHECKABLE}.yaml"))
    else:
        path = home_path(name)
    if path.suffix in (".yaml", ".yml"):
        from tunelab.guards.strict_yaml import read_keys

        if not is_file(path):
            raise UsageError(f"there is no file of prompts {name[:200]!r}.")
        entries = read_keys(path).get("prompts")
        if not isinstance(entries, list) or not entries:
            raise UsageError(f"{path.name} must hold a list of prompts.")
        prompts = [
            _prompt(entry, position, path.name) for position, entry in enumerate(entries, start=1)
        ]
        ids = [prompt.id for prompt in prompts]
        twice = next((one for one in ids if ids.count(one) > 1), None)
        if twice is not None:
            raise UsageError(f"{path.name}: two prompts have the id {twice!r}; give each its own.")
        return prompts
    try:
        lines = read_bounded(path, _LARGEST).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"cannot read the prompts {name!r}; give a UTF-8 file.") from None
    return plain_prompts([line for line in lines if line.strip()], path.name)


def plain_prompts(texts: Sequence[str], where: str = "the prompts") -> list[OpenPrompt]:
    """Prompts without rules.

    Raises:
        UsageError: there are none, or one is empty.
    """
    if not texts or any(not text.strip() for text in texts):
        raise UsageError(f"{where} must hold at least one prompt, and none that is empty.")
    return [OpenPrompt(f"prompt-{position}", text) for position, text in enumerate(texts, start=1)]


def _prompt(entry: Any, position: int, where: str) -> OpenPrompt:
    import regex

    try:
        contains = entry.get("contains", [])
        if not isinstance(contains, list):
            raise TypeError
        prompt = OpenPrompt(**{**entry, "contains": tuple(map(str, contains))})
        for rule in (prompt.matches, prompt.avoids):
            if rule is not None:
                regex.compile(rule)
        texts = (prompt.id, prompt.text, prompt.kind)
        whole = all(isinstance(text, str) and text.strip() for text in texts)
    except (TypeError, AttributeError, ValueError, OverflowError, RecursionError, regex.error):
        whole = False
    if not whole:
        raise UsageError(
            f"{where}: prompt {position} must have an id and a text, and may have kind, contains, "
            "matches and avoids."
        )
    return prompt
