"""What an entry point of another package gives, checked before it is used."""

from tunelab.errors import UsageError


def check_plug_in(name: str, found: object, contract: type, attribute: str) -> None:
    """Refuse an object that does not follow its contract, or that has another name.

    ``name`` is that of the entry point; ``attribute`` is the object's own name for itself.

    Raises:
        UsageError: the object is not a ``contract``, or its ``attribute`` is not ``name``.
    """
    if not isinstance(found, contract):
        raise UsageError(
            f"it is a {type(found).__name__}, not a {contract.__module__}.{contract.__name__}"
        )
    own = getattr(found, attribute)
    if own != name:
        raise UsageError(f"its {attribute} is {own!r}, not that of the entry point")
