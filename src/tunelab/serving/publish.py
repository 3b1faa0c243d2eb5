"""Upload an exported model to the Hugging Face Hub, when the user asks for it."""

from pathlib import Path

from tunelab.errors import RunError, UsageError
from tunelab.hub import has_token, is_offline

_PATTERNS = ["*.json", "*.safetensors", "*.jinja", "*.md", "tokenizer.model"]


def check_repository(repository: str) -> str:
    """Return ``repository`` if it can be one and something could be uploaded to it.

    Raises:
        UsageError: the name is malformed, there is no token, or the network is forbidden.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError:
        raise UsageError(
            f"--push {repository} is not the name of a repository; it should be OWNER/NAME."
        ) from None
    if repository.count("/") != 1:
        raise UsageError(f"--push {repository} names no owner; it should be OWNER/NAME.")
    if is_offline():
        raise UsageError("--push needs the network, and HF_HUB_OFFLINE is set; unset it.")
    if not has_token():
        raise UsageError("--push needs a token that may write; set HF_TOKEN.")
    return repository


def push_folder(folder: Path, repository: str) -> str:
    """Upload an exported folder and return the address of its page.

    A repository that does not exist is made, as a private one.

    Raises:
        RunError: the Hub refuses, or cannot be reached. The message never holds a token.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        address = str(api.create_repo(repository, private=True, exist_ok=True))
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=_PATTERNS,
            commit_message="Upload a model that tunelab exported",
        )
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        reason = f"status {status}" if status else type(error).__name__
        raise RunError(
            f"the Hub did not take {repository} ({reason}); check that the token in HF_TOKEN may "
            f"write to it. The exported folder is {folder}."
        ) from None
    return address
