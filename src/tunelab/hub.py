"""The Hugging Face Hub: download files of a repository, and explain what its client raises.

Honours HF_TOKEN, HF_HOME and HF_HUB_OFFLINE.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tunelab.errors import RunError, UsageError

# Seconds to wait for the Hub's first answer.
_PATIENCE = 10


def download(
    repository: str,
    files: Sequence[str],
    *,
    what: str,
    is_complete: Callable[[Path], bool],
    ignore: Sequence[str] = (),
    announce: Callable[[], None] = lambda: None,
) -> Path:
    """The folder with those ``files`` of a model repository, downloaded if they are not here.

    A complete snapshot that is here is used as it is, without a request: a study that continues
    later must not find other files under the same name.

    Args:
        files: patterns of the files to download; ``ignore``: patterns to leave out.
        what: the thing in words, such as "model", for messages.
        is_complete: whether a local snapshot has all that is needed.
        announce: called before a download begins, once the repository is known to be there.

    Raises:
        UsageError: the name cannot be one of the Hub's.
        RunError: the repository is missing or gated, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    try:
        here = local_copy(repository, files, is_complete=is_complete, ignore=ignore)
        if here is not None:
            return here
        # A missing repository or network ends here, before anything is announced.
        HfApi().model_info(repository, timeout=_PATIENCE)
        announce()
        return _snapshot(repository, files, ignore, local=False)
    except HFValidationError:
        raise UsageError(
            f"{repository!r} cannot be a {what} on the Hub; give owner/name, or ./ and a folder."
        ) from None
    except Exception as error:
        raise explain_hub_error(error, f"the {what} {repository}", repository) from None


def local_copy(
    repository: str,
    files: Sequence[str],
    *,
    is_complete: Callable[[Path], bool],
    ignore: Sequence[str] = (),
) -> Path | None:
    """The folder of a complete snapshot that is here already, without a request; else None."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = _snapshot(repository, files, ignore, local=True)
    except LocalEntryNotFoundError:
        return None
    return folder if is_complete(folder) else None


def _snapshot(repository: str, files: Sequence[str], ignore: Sequence[str], *, local: bool) -> Path:
    from huggingface_hub import snapshot_download

    folder = snapshot_download(
        repository,
        allow_patterns=list(files),
        ignore_patterns=list(ignore),
        etag_timeout=_PATIENCE,
        local_files_only=local,
    )
    return Path(folder)


def explain_hub_error(error: Exception, what: str, repository: str, kind: str = "") -> RunError:
    """One sentence for what the Hub's client raised. It never holds a token.

    ``kind`` is the path of the repository's page: empty for models, ``datasets/`` for data.
    """
    page = f"https://huggingface.co/{kind}{repository}"
    status = _status(error)
    names = {type(link).__name__ for link in _chain(error)}
    if (
        "GatedRepoError" in names
        or "gated dataset" in str(error)
        or (status == 403 and has_token())
    ):
        advice = "with that account's token" if has_token() else "(a read token is enough)"
        return RunError(
            f"{what} is gated: accept its licence at {page}, then set HF_TOKEN {advice}."
        )
    # `datasets` says only that there is nothing it may see, whatever the reason.
    hidden = "DatasetNotFoundError" in names
    if (status == 401 or hidden) and has_token():
        return RunError(
            f"the Hub refuses the token in HF_TOKEN for {what}, or there is no such repository; "
            "make a new token at https://huggingface.co/settings/tokens and check the name."
        )
    if hidden or "RepositoryNotFoundError" in names or status in (401, 404):
        return RunError(
            f"the Hub has no {what.removeprefix('the ')}, or it is private; check the name, or "
            "set HF_TOKEN."
        )
    if is_offline():
        return RunError(
            f"{what} is not in the local cache and HF_HUB_OFFLINE is set; unset it, or choose "
            "what needs no network: smollm2-135m-instruct, gemma-3-270m, data.source=starter."
        )
    if isinstance(error, OSError) and getattr(error, "errno", None) == 28:
        return RunError(f"the disk is full while {what} is downloaded; free space or set HF_HOME.")
    return RunError(
        f"cannot reach the Hugging Face Hub for {what} ({type(error).__name__}); check the "
        "network, or choose what needs none: smollm2-135m-instruct, gemma-3-270m, "
        "data.source=starter."
    )


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what led to it: `datasets` wraps what the Hub's client raised."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links


def _status(error: Any) -> int | None:
    for link in _chain(error):
        response = getattr(link, "response", None)
        if response is not None:
            return int(response.status_code)
    return None


def has_token() -> bool:
    """Whether the user has a Hugging Face token; it is never read out."""
    from huggingface_hub import get_token

    return get_token() is not None


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids the network, as it is now and not as at the import."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}
