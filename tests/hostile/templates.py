"""Chat templates."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from conftest import build_tokenizer
from hostile.cases import Case, harmless, refused

_MESSAGES = [{"role": "user", "content": "hello"}]
_TOO_MUCH = "runs too long or makes too much"
_DOUBLING = (
    "{% set n = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}{% set n.s = n.s OP n.s %}"
    "{% endfor %}{{ n.s }}"
)
_LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}BODY{% endfor %}{% endfor %}"
_CALLS = (
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}"
)


def _render(template: str) -> Callable[[Path], Any]:
    """Render it as a prompt is, with a tokenizer that has it for its own."""

    def give(_: Path) -> Any:
        from tunelab.prompts.rendering import render_chat

        tokenizer = _tokenizer()
        tokenizer.chat_template = template
        pieces = render_chat(tokenizer, _MESSAGES, generation_prompt=True)
        return "".join(piece.text for piece in pieces)

    return give


@cache
def _tokenizer() -> Any:
    return build_tokenizer()


def _linted(template: str) -> Callable[[Path], Any]:
    def give(_: Path) -> Any:
        from tunelab.prompts.template_lint import lint_template

        tokenizer = _tokenizer()
        tokenizer.chat_template = template
        return [finding.rule for finding in lint_template(tokenizer)]

    return give


def _file(content: bytes) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        from tunelab.prompts.template_catalog import read_template

        (folder / "a.jinja").write_bytes(content)
        return read_template(str(folder / "a.jinja"))

    return give


def _file_at(path: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        from tunelab.prompts.template_catalog import read_template

        (folder / "a.jinja").symlink_to(path)
        return read_template(str(folder / "a.jinja"))

    return give


CASES: list[Case] = [
    *(
        refused(name, _TOO_MUCH, _render(template))
        for name, template in {
            "a loop of a billion": "{% for i in range(10 ** 9) %}x{% endfor %}",
            "loops in loops": _LOOPS.replace("BODY", "x"),
            "loops in loops that write nothing": _LOOPS.replace("BODY", ""),
            "loops that hide the counter": "{% set pay = 1 %}" + _LOOPS.replace("BODY", ""),
            "a macro that calls itself twice": _CALLS,
            "calls of blocks": "{% macro g() %}{{ caller() }}{% endmacro %}"
            "{% for i in range(99999) %}{% call g() %}{% for j in range(999) %}y{% endfor %}"
            "{% endcall %}{% endfor %}",
            "a text a billion times": "{{ 'a' * 10 ** 9 }}",
            "the same the other way round": "{{ 10 ** 9 * 'a' }}",
            "a list a billion times": "{{ [1] * 10 ** 9 }}",
            "a power": "{{ 10 ** (10 ** 8) }}",
            "a product of powers": "{{ (9 ** 9000) * (9 ** 9000) }}",
            "doubling by a sum": _DOUBLING.replace("OP", "+"),
            "doubling by joining": _DOUBLING.replace("OP", "~"),
            "a width in a format": "{{ '%1000000000d' % 1 }}",
            "a precision in a format": "{{ '%.999999999f' % 1.0 }}",
            "a width from outside": "{{ '%*d' % (999999999, 1) }}",
            "a width in braces": "{{ '{:1000000000}'.format(1) }}",
            "a width in braces from outside": "{{ '{:{}}'.format(1, 999999999) }}",
            "a format with many places": "{{ ('{0}' * 99999).format('a' * 99999) }}",
            "a filter's format": "{{ '%1000000000d'|format(1) }}",
            "a centred text": "{{ 'a'|center(10 ** 9) }}",
            "a text filled up": "{{ 'a'.ljust(1000000000) }}",
            "zeros": "{{ '1'.zfill(1000000000) }}",
            "wide tabs": "{{ '\t'.expandtabs(1000000000) }}",
            "an indentation": "{{ ('\n' * 99999)|indent(99999) }}",
            "wrapped words": "{{ ('a ' * 99999)|wordwrap(1, wrapstring='b' * 99999) }}",
            "long separators": "{{ range(99999)|join('a' * 99999) }}",
            "a join of a method": "{{ ('a' * 99999).join(['b'] * 99999) }}",
            "a replacement": "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
            "a filter's replacement": "{{ ('a' * 99999)|replace('a', 'b' * 99999) }}",
            "one list in many": "{% set a = ['x' * 99999] %}{% set b = [a, a, a, a, a] * 99 %}"
            "{% set c = [b, b, b] * 999 %}{{ c }}",
            "the same as JSON": "{% set a = ['x' * 99999] %}{% set b = [a, a, a, a, a] * 99 %}"
            "{{ [b, b, b, b, b, b]|tojson }}",
            "JSON with a wide indentation": "{{ [1, 2]|tojson(indent=1000000000) }}",
            "a long text, often": "{% set s = 'a' * 999999 %}{% for i in range(99999) %}{{ s }}"
            "{% endfor %}",
            "a dictionary of long texts": "{{ dict.fromkeys(range(99999), 'a' * 999999) }}",
            "filters in filters": "{{ range(99999)|map('string')|map('center', 99999)|join }}",
            "a template of 2 MB": "a" * 2_000_000,
        }.items()
    ),
    *(
        refused(name, "cannot render this conversation", _render(template))
        for name, template in {
            "the class of a text": "{{ ''.__class__.__mro__ }}",
            "the class by a filter": "{{ (''|attr('__class__')).x.y }}",
            "the class by a key": "{{ ''['__class__'].x }}",
            "the class within a format": "{{ '{0.__class__}'.format(1) }}",
            "the class within a mapped format": "{{ '{a.__class__}'.format_map({'a': 1}) }}",
            "Python's globals": "{{ self.__init__.__globals__ }}",
            "globals of a helper": "{{ cycler.__init__.__globals__ }}",
            "globals of a macro": "{% macro f() %}{% endmacro %}{{ f.__globals__.x }}",
            "globals of our own function": "{{ raise_exception.__globals__.os }}",
            "the code of a generator": "{{ (messages|map('upper')).gi_frame.f_back }}",
            "a hidden name in a namespace": "{% set n = namespace(__class__=1) %}",
            "a hidden name set later": "{% set n = namespace() %}{% set n.__class__ = 1 %}",
            "another file": "{% include '/etc/passwd' %}",
            "another template": "{% extends '/etc/passwd' %}",
            "a module": "{% import 'os' as os %}",
            "a module's part": "{% from 'os' import system %}",
            "a macro without end": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "a block without end": "{% block a %}{{ self.a() }}{% endblock %}",
            "a loop within itself": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
            "deep brackets": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
            "deep conditions": "{% if 1 %}" * 300 + "{% endif %}" * 300,
            "words of its own making": "{{ lipsum(n=100000) }}",
            "a change of the conversation": "{{ messages.append(1) }}",
            "a change of a message": "{{ messages[0].update({'content': 'x'}) }}",
            "a division by nothing": "{{ 1 / 0 }}",
            "an unknown name": "{{ a.b.c }}",
            "a refusal": "{{ raise_exception('no <b>') }}",
            "no Jinja": "{% if %}",
            "no text of the conversation": "hello",
            "marks of our own": "\ue0000\ue001\ue0001\ue001",
            "a mark of 9,000 digits": "\ue000" + "9" * 9_000 + "\ue001",
        }.items()
    ),
    harmless(
        "a good template is rendered",
        lambda text: text == "<u>hello</u>",
        _render("<u>{{ messages[0].content }}</u>"),
    ),
    harmless("a runaway has a finding", lambda rules: "rendering" in rules, _linted(_CALLS)),
    harmless(
        "a class has a finding", lambda rules: "rendering" in rules, _linted("{{ ''.__class__.x }}")
    ),
    refused("a file that is no Jinja", "no Jinja template", _file(b"{% if %}")),
    refused("a file of deep brackets", "no Jinja template", _file(b"{{ " + b"(" * 50_000 + b" }}")),
    refused("a file of 2 MB", "larger than 1 MB", _file(b"a" * 2_000_000)),
    refused("a file in another encoding", "UTF-8", _file("é".encode("latin-1"))),
    refused("a device", "not a regular file", _file_at("/dev/zero")),
    refused("a link that leads nowhere", "cannot read", _file_at("/no/such")),
]
