"""The reference pages say what the code says now."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from tunelab import registry
from tunelab.cli.main import VERBS, make_parser

DOCS = Path(__file__).parents[2] / "docs"


def _generator() -> Any:
    spec = spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()


@pytest.mark.parametrize("name", GENERATOR.GENERATED)
def test_a_page_is_current(name: str) -> None:
    written = (DOCS / "pages" / "reference" / f"{name}.md").read_text(encoding="utf-8")
    assert written == GENERATOR.GENERATED[name](), "run python docs/generate.py"


def test_every_verb_and_option_stands_on_its_page() -> None:
    page = GENERATOR.command_page()
    for verb in VERBS:
        assert f"\n## {verb}\n" in page
        for action in make_parser(verb)._actions:
            for option in action.option_strings:
                assert option in page or option in ("-h", "--help")


def test_every_key_and_method_stands_on_its_page() -> None:
    from tunelab.config import Study, to_dict

    page = GENERATOR.study_page()

    def keys(values: Any, stem: str = "") -> list[str]:
        if not isinstance(values, dict):
            return [stem.rstrip(".")]
        return [key for name, value in values.items() for key in keys(value, f"{stem}{name}.")]

    sections = {"methods", "classifiers", "claims", "generation", "budget"}
    for key in keys(to_dict(Study())):
        assert f"| `{key}` |" in page or key in sections, key
    for section in sections:
        assert f"\n## {section}\n" in page
    methods = GENERATOR.methods_page()
    assert all(f"\n## {name}\n" in methods for name in registry.METHODS)


def test_a_stale_page_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = _generator()
    monkeypatch.setattr(module, "PAGES", tmp_path)
    assert module.main(["--check"]) == 1
    assert module.main([]) == 0
    assert module.main(["--check"]) == 0


def test_pages_link_to_pages_that_exist() -> None:
    import re

    for page in (DOCS / "pages").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name}: {target}"
