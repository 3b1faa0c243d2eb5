"""The scripts of a page: few, within the page, and named by their hash in its policy."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Script:
    """JavaScript, and its SHA-256 as a Content-Security-Policy names it."""

    code: str
    hash: str


@cache
def page_scripts() -> tuple[Script, ...]:
    """The filter of tables, and Vega with what draws charts; neither loads or evaluates anything.

    Vega, Vega-Lite and Vega-Embed come out of vl-convert, bundled with charts.js. Expressions of
    charts are interpreted, so that the policy need not allow evaluation.
    """
    import vl_convert

    folder = files("tunelab.report") / "templates"
    charts = (folder / "charts.js").read_text(encoding="utf-8")
    return (
        _script((folder / "filter.js").read_text(encoding="utf-8")),
        _script(vl_convert.javascript_bundle(charts)),
    )


def _script(code: str) -> Script:
    # Within a page, these words would end the script.
    code = code.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    return Script(code, base64.b64encode(hashlib.sha256(code.encode()).digest()).decode())
