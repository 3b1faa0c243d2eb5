"""Study files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.cases import Case, harmless, refused
from tunelab.config import Study, to_dict
from tunelab.guards.strict_yaml import apply_overrides, read_keys
from tunelab.study.opening import open_study


def _study(content: str | bytes) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        path = folder / "study.yaml"
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return open_study(str(path))

    return give


def _override(*words: str) -> Callable[[Path], Any]:
    return lambda _: open_study("starter", words)


def _link(target: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        (folder / "study.yaml").symlink_to(target)
        return open_study(str(folder / "study.yaml"))

    return give


def _pipe(folder: Path) -> Any:
    os.mkfifo(folder / "study.yaml")
    return open_study(str(folder / "study.yaml"))


_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

CASES: list[Case] = [
    refused("a billion laughs", "anchors are not read", _study(_LAUGHS)),
    refused("an anchor alone", "anchors are not read", _study("name: &x a\n")),
    refused("a merge of keys", "anchors", _study("data: &d {text: a}\nprompt: {<<: *d}\n")),
    refused("an anchor that holds itself", "anchors", _study("claims: &a [*a]\n")),
    refused(
        "a tag that runs code",
        "the tag .* is not read",
        _study("name: !!python/object/apply:os.system ['true']\n"),
    ),
    refused("a tag of a name", "tag", _study("name: !!python/name:os.system\n")),
    refused("a tag of one's own", "tag", _study("name: !include /etc/passwd\n")),
    refused("a tag of a set", "tag", _study("data: !!set {a, b}\n")),
    refused("a tag of bytes", "tag", _study("name: !!binary aGVsbG8=\n")),
    refused("a tag of a plain text", "tag", _study("name: !!str 5\n")),
    refused("a tag without a name", "tag", _study("name: ! x\n")),
    refused("a tag in an override's file", "tag", _study("%TAG ! tag:a,2000:\n---\n!b c\n")),
    refused("a key given twice", "stands twice", _study("seed: 1\nseed: 2\n")),
    refused("a key given twice, deep", "stands twice", _study("data: {text: a, text: b}\n")),
    refused("a list as a key", "a key must be a word", _study("? [a, b]\n: 1\n")),
    refused("keys as a key", "a key must be a word", _study("? {a: b}\n: 1\n")),
    refused("a number as a key", "a key must be a word", _study("1: 2\n")),
    refused("a date as a key", "a key must be a word", _study("2001-01-01: 2\n")),
    refused("nothing as a key", "a key must be a word", _study("null: 2\n")),
    refused("half a character in an override", "not key=value", _override("prompt.system=\udcff")),
    refused("deep lists", "nested too deep", _study("a: " + "[" * 5_000)),
    refused("deep keys", "not YAML|unknown key", _study("{a: " * 2_000)),
    refused("two documents", "not YAML", _study("name: a\n---\nname: b\n")),
    refused("a number of 5,000 digits", "more than 40 digits", _study("seed: " + "9" * 5_000)),
    refused("a number of hexadecimals", "more than 40 digits", _study("seed: 0x" + "f" * 5_000)),
    refused("a number of sixties", "more than 40 digits", _study("seed: " + "1:" * 500 + "1")),
    refused("not a number", "finite", _study("training: {learning_rate: .nan}\n")),
    refused("an endless number", "finite", _study("training: {epochs: .inf}\n")),
    refused("an exponent too large", "too large", _study("training: {epochs: 1e999}\n")),
    refused("a date that is none", "not YAML", _study("name: 2001-99-99\n")),
    refused("half a character", "half a character", _study('prompt: {system: "\\ud800"}\n')),
    refused("a NUL", "not YAML", _study("name: a\0b\n")),
    refused("an escape", "not YAML", _study("name: \x1b[2J\n")),
    refused("another encoding", "not UTF-8|not YAML", _study("name: a\n".encode("utf-16"))),
    refused("bytes of no text", "not UTF-8", _study(b"name: \xff\xfe\n")),
    refused("a text of 200,000 characters", "100,000 char", _study("name: " + "a" * 200_000)),
    refused("a file of 3 MB", "larger than 2 MB", _study("# " + "a" * 3_000_000)),
    refused("a list", "keys and values", _study("- a\n")),
    refused("nothing", "is empty", _study("")),
    refused("an unknown key", "unknown key", _study("__class__: x\n")),
    refused("a name that is a path", "names a folder", _study("name: ../../x\n")),
    refused("a name that is absolute", "names a folder", _study("name: /tmp/x\n")),
    refused("a name in HTML", "names a folder", _study('name: "<script>"\n')),
    refused("a name of 200 letters", "names a folder", _study("name: " + "a" * 200)),
    refused("a method's id that is a path", "must be letters", _override("methods.0.id=../x")),
    refused(
        "a method's id in HTML",
        "must be letters",
        _override("methods.0.id='<img src=x onerror=y>'"),
    ),
    refused("an unknown method", "unknown method", _override("methods.0.name=os.system")),
    refused("a tracker that is a module", "unknown tracker", _override("training.tracking=[os]")),
    refused(
        "a folder that is none",
        "(?:no|not a) model folder",
        _override("models.instruct=../../no/such/folder"),
    ),
    refused("a home of nobody", "nobody's home|cannot", _override("models.base=~nobody-of-this/x")),
    refused("a data source by address", "no such file", _override("data.source=http://a.b/c.csv")),
    refused(
        "a data source of a scheme",
        "unknown data source",
        _override("data.source=file:///etc/passwd"),
    ),
    refused("a data source of NUL", "unknown data source|cannot", _override('data.source="a\\0b"')),
    refused("a device", "is not a regular file", _link("/dev/zero")),
    refused("a pipe", "is not a regular file", _pipe),
    refused("a link that leads nowhere", "no study file", _link("/no/such/file")),
    refused("a link that leads to itself", "cannot read|no study", _link("study.yaml")),
    refused("a billion samples", "should be less", _override("generation={samples: 1000000000}")),
    refused("a billion new tokens", "less", _override("evaluation.max_new_tokens=1000000000")),
    refused("a billion resamples", "less", _override("evaluation.resamples=1000000000")),
    refused(
        "a billion virtual tokens",
        "less",
        _override("methods=[{name: prompt_tuning, virtual_tokens: 1000000000}]"),
    ),
    refused(
        "two thousand seeds", "at most 1000", _override(f"training.seeds={list(range(2_000))}")
    ),
    refused(
        "a place in a list of 5,000 digits",
        "number from 0",
        _override("methods." + "1" * 5_000 + ".r=1"),
    ),
    refused(
        "a conversation that is a device",
        "not a regular file|no conversation file|unknown conversation",
        _override("conversations=[/dev/zero]"),
    ),
    refused(
        "prompts that are a device",
        "not a regular file",
        _override("generation={prompts: /dev/zero}"),
    ),
    refused(
        "an endpoint with a password",
        "^the address of an endpoint may hold no user(?!.*hunter2)",
        _override("generation={models: ['http://me:hunter2@h/v1#m']}"),
    ),
    harmless(
        "overrides with a tag are texts",
        lambda study: study.prompt.system == "!!python/name:os.system",
        _override("prompt.system=!!python/name:os.system"),
    ),
    harmless(
        "overrides with an anchor are texts",
        lambda study: study.prompt.system == "*x",
        _override("prompt.system=*x"),
    ),
    harmless(
        "HTML in the disclosure is a text",
        lambda study: study.disclosure == "<script>1</script>",
        _study("disclosure: <script>1</script>\n"),
    ),
    harmless(
        "an override changes nothing it does not name",
        lambda values: values == to_dict(Study()),
        lambda _: apply_overrides(to_dict(Study()), []),
    ),
    refused(
        "a folder as a study",
        "not a regular file|cannot read",
        lambda folder: read_keys(folder),
    ),
]
