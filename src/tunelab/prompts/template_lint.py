"""Faults of a chat template, found by rendering small conversations with it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.errors import RunError
from tunelab.prompts.conversation import Message
from tunelab.prompts.prompting import turn_end
from tunelab.prompts.reasoning_tags import is_empty_block, opens_block
from tunelab.prompts.rendering import apply_template
from tunelab.prompts.tokens import control_tokens, leading_tokens

Severity = Literal["fault", "note"]
# Words that no template holds.
_SYSTEM, _FIRST, _ANSWER, _SECOND = "qsystemq", "qfirstq", "qanswerq", "qsecondq"
_DAYS = ("01 Jan 2001", "31 Dec 2031")


@dataclass(frozen=True)
class TemplateFinding:
    """What a rule found. A fault makes prompts wrong; a note is good to know."""

    rule: str
    severity: Severity
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return asdict(self)


def lint_template(tokenizer: Any) -> list[TemplateFinding]:
    """Check a tokenizer's chat template: system, generation prompt, BOS, trimming, date, end.

    Returns what was found, faults first; nothing where all is well.
    """
    if not tokenizer.chat_template:
        return [
            TemplateFinding(
                "no template", "note", "the tokenizer brings no chat template; it is a base model's"
            )
        ]
    rules: tuple[Callable[[Any], list[TemplateFinding]], ...] = (
        _renders,
        _system,
        _own_system,
        _generation_prompt,
        _double_bos,
        _trimmed,
        _date,
        _end_of_turn,
        _markers,
        _turns,
    )
    if _runs_away(tokenizer):
        # Every further rendering would take as long.
        return [_fault("rendering", "it runs too long or makes too much, and is stopped")]
    found = [finding for rule in rules for finding in rule(tokenizer)]
    return sorted(found, key=lambda finding: finding.severity != "fault")


def _renders(tokenizer: Any) -> list[TemplateFinding]:
    text = _render(tokenizer, [_user(_FIRST)])
    if text is None:
        return [_fault("rendering", "a single question cannot be rendered")]
    if _FIRST not in text:
        return [_fault("rendering", "a question's text is dropped or rewritten")]
    return []


def _runs_away(tokenizer: Any) -> bool:
    from jinja2 import TemplateError

    template = _with_clock(tokenizer.get_chat_template(), _DAYS[0])
    try:
        apply_template(tokenizer, [_user(_FIRST)], template, generation_prompt=True)
    except TemplateError:
        return False
    except RunError:
        return True
    return False


def _system(tokenizer: Any) -> list[TemplateFinding]:
    text = _render(tokenizer, [_message("system", _SYSTEM), _user(_FIRST)])
    rule = "system"
    if text is None:
        return [
            _note(rule, "a system message is refused; tunelab puts it before the first question")
        ]
    if _SYSTEM not in text:
        return [_fault(rule, "a system message is dropped without a word")]
    between = text.split(_SYSTEM, 1)[1].split(_FIRST, 1)[0]
    if not between.strip():
        return [_note(rule, "a system message is written into the first question")]
    return []


def _own_system(tokenizer: Any) -> list[TemplateFinding]:
    alone = _render(tokenizer, [_user(_FIRST)])
    with_system = _render(tokenizer, [_message("system", _SYSTEM), _user(_FIRST)])
    if alone is None or with_system is None or _SYSTEM not in with_system:
        return []
    before = alone.split(_FIRST, 1)[0]
    # What stands before a question anyway: markers and the names of roles.
    words = re.findall(r"\w{2,}", re.sub(r"<[^<>\s]*>|\[[^\]\s]*\]", " ", before))
    if len(words) > 3:
        shown = " ".join(before.split())[:120]
        return [_note("own system text", f"without a system message it writes its own: {shown}")]
    return []


def _generation_prompt(tokenizer: Any) -> list[TemplateFinding]:
    asked = _render(tokenizer, [_user(_FIRST)], prompt=True)
    bare = _render(tokenizer, [_user(_FIRST)])
    answered = _render(tokenizer, [_user(_FIRST), _message("assistant", _ANSWER)])
    if asked is None or answered is None:
        return []
    rule = "generation prompt"
    if answered.startswith(asked):
        between = answered[len(asked) :].split(_ANSWER, 1)[0]
        if is_empty_block(between):
            return [
                _note(
                    rule,
                    f"an answer begins behind {between!r}, which the generation prompt leaves out; "
                    "tunelab writes it into the prompt, in training and in asking",
                )
            ]
        if between.strip():
            return [
                _fault(
                    rule,
                    f"the generation prompt is missing: an answer begins behind {between!r}, which "
                    "the model would have to write by itself",
                )
            ]
        return []
    if asked == bare:
        return [_fault(rule, "the generation prompt is missing")]
    if opens_block(asked):
        return [
            _note(
                rule,
                "the generation prompt begins a block of reasoning; to classify, tunelab closes "
                "it at once, in training and in asking",
            )
        ]
    return [
        _fault(rule, "an answer in training stands behind other text than the generation prompt")
    ]


def _double_bos(tokenizer: Any) -> list[TemplateFinding]:
    bos, rule = tokenizer.bos_token, "double BOS"
    text = _render(tokenizer, [_user(_FIRST)], prompt=True)
    if not bos or text is None:
        return []
    adds = bool(leading_tokens(tokenizer))
    if text.startswith(bos * 2):
        return [_fault(rule, f"the prompt begins with {bos} twice")]
    if text.startswith(bos) and adds:
        return [
            _note(
                rule,
                f"template and tokenizer both write {bos}: a text that is rendered first and "
                "tokenized later has it twice; tunelab writes it once",
            )
        ]
    if not text.startswith(bos) and adds:
        return [
            _fault("missing BOS", f"the tokenizer begins texts with {bos}, and the template not")
        ]
    return []


def _trimmed(tokenizer: Any) -> list[TemplateFinding]:
    found = []
    for role, messages in {
        "system": [_message("system", "  q q  "), _user(_FIRST)],
        "user": [_user("  q q  ")],
        "assistant": [_user(_FIRST), _message("assistant", "  q q  "), _user(_SECOND)],
    }.items():
        text = _render(tokenizer, messages)
        if text is not None and "q q" in text and "  q q  " not in text:
            found.append(role)
    if not found:
        return []
    return [_note("trimmed text", f"spaces around the text of {', '.join(found)} are taken away")]


def _date(tokenizer: Any) -> list[TemplateFinding]:
    template = tokenizer.get_chat_template()
    stopped = [_with_clock(template, day) for day in _DAYS]
    messages = [_user(_FIRST)]
    by_clock = {_render(tokenizer, messages, template=one) for one in stopped}
    by_setting = {_render(tokenizer, messages, date_string=day) for day in _DAYS}
    if len(by_clock) > 1:
        return [
            _fault(
                "date",
                "today's date is in the prompt, so that it changes from day to day; tunelab "
                "gives it a fixed one",
            )
        ]
    if len(by_setting) > 1:
        return [_note("date", "a date is in the prompt; tunelab gives it a fixed one")]
    return []


def _end_of_turn(tokenizer: Any) -> list[TemplateFinding]:
    tokens, strings = turn_end(tokenizer)
    if not tokens and not strings:
        return [_fault("end of turn", "nothing ends an answer, so a model cannot learn to stop")]
    if tokens and tokenizer.eos_token_id not in tokens:
        end = tokenizer.convert_ids_to_tokens(tokens[0])
        return [
            _note(
                "end of turn",
                f"an answer ends with {end}, which is not the tokenizer's EOS "
                f"({tokenizer.eos_token}); stop at both",
            )
        ]
    return []


def _markers(tokenizer: Any) -> list[TemplateFinding]:
    text = _render(tokenizer, [_user(_FIRST), _message("assistant", _ANSWER)], prompt=True) or ""
    markers = dict.fromkeys(re.findall(r"<\|[^<>|\s]+\|>|<(?:start|end)_of_turn>", text))
    strange = [marker for marker in markers if marker not in control_tokens(tokenizer)]
    if not strange:
        return []
    return [
        _fault(
            "markers",
            f"{', '.join(strange)} are not tokens of this tokenizer: the template is another "
            "model's, and a text can imitate its markers",
        )
    ]


def _turns(tokenizer: Any) -> list[TemplateFinding]:
    if _render(tokenizer, [_user(_FIRST), _user(_SECOND)]) is None:
        return [_note("turns", "user and assistant must take turns")]
    return []


def _render(
    tokenizer: Any,
    messages: Sequence[Message],
    *,
    prompt: bool = False,
    template: str | None = None,
    **more: str,
) -> str | None:
    from jinja2 import TemplateError

    chosen = template or _with_clock(tokenizer.get_chat_template(), _DAYS[0])
    try:
        return apply_template(tokenizer, messages, chosen, generation_prompt=prompt, **more)
    except (TemplateError, RunError):
        return None


def _with_clock(template: str, day: str) -> str:
    if "strftime_now" not in template:
        return template
    return f"{{%- macro strftime_now(format) -%}}{day}{{%- endmacro -%}}{template}"


def _message(role: str, text: str) -> Message:
    return {"role": role, "content": text}


def _user(text: str) -> Message:
    return _message("user", text)


def _fault(rule: str, sentence: str) -> TemplateFinding:
    return TemplateFinding(rule, "fault", sentence)


def _note(rule: str, sentence: str) -> TemplateFinding:
    return TemplateFinding(rule, "note", sentence)
