"""Which request a text belongs to: the proof that a conversation mixes two of them.

A text belongs to the request in which it was said first: asked by its user, answered by its model, returned by its
tool. When it stands in the input of another request's model call, though nobody has said it there, something carried
it over: a shared agent, a history that was not cleared, a memory, a list of a module.

What stands in a prompt and was said by nobody, such as instructions and examples, belongs to none, also when somebody
says just that later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.operations.current import current_operation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autogen_otel.operations.operation import OpenOperation

MAX_TEXTS: Final = 8_192
# By hash, which Python keeps with the text: no text is held, and one that was seen before costs a look-up. The value is
# the request with its session; None for a text that belongs to several, or to none.
_owners: Final[dict[int, tuple[str, str | None] | None]] = {}
_UNSAID: Final = ("", None)


def introduce(text: object, operation: OpenOperation | None = None) -> None:
    """Note that a text was said in a request. One that several requests have said belongs to none.

    Args:
        text: What was said; what is no text is ignored.
        operation: An operation of the request; the current one, if not given.
    """
    operation = operation or current_operation()
    if operation is None or not text or not isinstance(text, str):
        return
    owner, key = operation.owner, hash(text)
    known = _owners.setdefault(key, owner)
    if known is not owner and known is not None and known != owner and not _same_session(known, owner):
        _owners[key] = None
    if len(_owners) > MAX_TEXTS:
        _forget_oldest()


def foreign_requests(texts: Iterable[str]) -> list[str]:
    """Return the other requests to which texts of a model's input belong, each once, in the order of the input.

    Requests of one session are the turns of one conversation and not foreign to each other.
    """
    operation = current_operation()
    if operation is None:
        return []
    own, owner_of = operation.owner, _owners.get
    found: dict[str, None] = {}
    for text in texts:
        key = hash(text)
        owner = owner_of(key, _UNSAID)
        if owner is _UNSAID:
            _owners[key] = None
        elif owner is not own and owner is not None and owner[0] != own[0] and not _same_session(owner, own):
            found[owner[0]] = None
    return list(found)


def forget_texts() -> None:
    """Forget everything that was said."""
    _owners.clear()


def _same_session(one: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    return one[1] is not None and one[1] == other[1]


def _forget_oldest() -> None:
    """Forget a quarter at once, so that this is rare; another thread may do the same meanwhile."""
    for key in list(_owners)[: MAX_TEXTS // 4]:
        _owners.pop(key, None)
