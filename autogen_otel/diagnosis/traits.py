"""What requests have in common: every attribute with its value is a trait, and traits are counted."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# An attribute with more values than these tells requests apart, not kinds of requests.
MAX_VALUES: Final = 100
_MAX_TEXT: Final = 120
# Of traits that fewer requests have nothing can be said.
_FEW: Final = 2
_LEAST_DIFFERENCE: Final = 0.2
_TOLD: Final = frozenset({str, int, bool})
_NEW: Final[dict[Any, int]] = {}
# Names of one thing each, and what says only in other words that a request has failed.
_SAYS_NOTHING: Final = frozenset(
    {
        names.REQUEST_ID,
        names.REQUESTS_IN_FLIGHT,
        names.CONVERSATIONS,
        names.CONVERSATIONS_SINCE,
        names.EVENT_LOOP_ID,
        names.FOREIGN_REQUESTS,
        names.LOOP_BLOCKED,
        names.LOOP_STALLS,
        names.CODE_LINE,
        names.OUTCOME,
        names.ERROR_TYPE,
        names.FAULT_ID,
        names.FAULT_KIND,
        names.FAULT_FINGERPRINT,
        names.FAULT_MASKED,
        names.FAULT_TYPE,
        names.FAULT_TRANSIENT,
        names.FAULT_AGENT,
        names.FAULT_TOOL,
        names.FAULT_RAISED_AT,
        names.PROVIDER_REQUEST_ID,
        names.PROVIDER_ERROR_CODE,
        names.RETRY_AFTER,
        names.RESPONSE_ID,
        names.TOOL_CALL_ID,
        names.INPUT_MESSAGES,
        names.OUTPUT_MESSAGES,
        names.TOOL_ARGUMENTS,
        names.TOOL_RESULT,
        names.INPUT_TOKENS,
        names.OUTPUT_TOKENS,
    }
)


class Trait(NamedTuple):
    """An attribute that is more common among failing requests than among the others.

    Attributes:
        key: The attribute.
        value: Its value; for a number that is a measure the least one, as `>= 5`.
        failing: How many failing requests have it.
        of_failing: How many failing requests there are.
        others: How many of the other requests have it.
        of_others: How many other requests there are.
        whose: The same number for traits that the very same failing requests have.
    """

    key: str
    value: str
    failing: int
    of_failing: int
    others: int
    of_others: int
    whose: int = 0

    @property
    def difference(self) -> float:
        """The share among the failing requests less the share among the others."""
        return self.failing / self.of_failing - self.others / self.of_others


class Traits:
    """Gives each pair of attribute and value a number, as long as an attribute has few values."""

    def __init__(self) -> None:
        # Of attributes that tell nothing, or have had too many values, there is no number.
        self._numbers: dict[str, dict[Any, int] | None] = dict.fromkeys(_SAYS_NOTHING)
        self._pairs: list[tuple[str, Any]] = []

    def add(self, attributes: Mapping[str, Any], to: set[int]) -> None:
        """Add the numbers of attributes that a request may have in common with others.

        This is called for each operation: what was seen before costs two look-ups.
        """
        numbers = self._numbers
        for key, value in attributes.items():
            values = numbers.get(key, _NEW)
            if values is None:
                continue
            kind = value.__class__
            if kind is str or kind is int or kind is bool:
                number = values.get(value)
                if number is None:
                    number = self.number(key, value)
                if number is not None:
                    to.add(number)
            elif kind is list:
                to.update(found for item in value if (found := self.number(key, item)) is not None)

    def number(self, key: str, value: Any) -> int | None:
        """Return the number of one attribute with its value; None where the attribute has too many values."""
        values = self._numbers.setdefault(key, {})
        if values is None or value.__class__ not in _TOLD:
            return None
        number = values.get(value)
        if number is None and len(values) == MAX_VALUES:
            self._numbers[key] = None
        elif number is None and len(str(value)) <= _MAX_TEXT:
            number = values[value] = len(self._pairs)
            self._pairs.append((key, value))
        return number

    def merge(self, other: Traits) -> list[int | None]:
        """Return the numbers that traits which were numbered elsewhere have here, by their numbers there."""
        for key, values in other._numbers.items():
            if values is None:
                self._numbers[key] = None
        return [self.number(key, value) for key, value in other._pairs]

    def known(self, number: int) -> tuple[str, str] | None:
        """Return what a number stands for; None for an attribute that has had too many values in the end."""
        key, value = self._pairs[number]
        return None if self._numbers[key] is None else (key, str(value))


def in_common(
    failing: list[Iterable[int]], others: list[Iterable[int]], known: Callable[[int], tuple[str, str] | None]
) -> list[Trait]:
    """Return what failing requests have in common and the others have not, the greatest difference first.

    Args:
        failing: The traits of each failing request, by number.
        others: Likewise of the other requests.
        known: Tells what a number stands for.
    """
    if len(failing) < _FEW or len(others) < _FEW:
        return []
    with_it, without = _counts(failing), _counts(others)
    found = {
        number: Trait(*pair, count, len(failing), without.get(number, 0), len(others))
        for number, count in with_it.items()
        if count >= _FEW and (pair := known(number)) is not None
    }
    told = {number: trait for number, trait in found.items() if trait.difference >= _LEAST_DIFFERENCE}
    whose = _whose(told, failing)
    return _ranked([trait._replace(whose=whose[number]) for number, trait in told.items()])


def threshold(key: str, failing: list[int], others: list[int]) -> list[Trait]:
    """Return from which value on a measure tells failing requests from the others best; nothing if it does not."""
    if len(failing) < _FEW or len(others) < _FEW:
        return []
    found = [
        Trait(
            key,
            f">= {least}",
            sum(value >= least for value in failing),
            len(failing),
            sum(value >= least for value in others),
            len(others),
        )
        for least in sorted(set(failing))[:MAX_VALUES]
    ]
    return _ranked(found)[:1]


def _whose(numbers: Iterable[int], failing: list[Iterable[int]]) -> dict[int, int]:
    """Return for each trait a number that stands for the requests which have it."""
    found, marks = dict.fromkeys(numbers, 0), random.Random(0)  # noqa: S311 - the same every time
    for traits in failing:
        mark = marks.getrandbits(64)
        for number in found.keys() & traits:
            found[number] ^= mark
    return found


def together(traits: Iterable[Trait]) -> list[list[Trait]]:
    """Return traits that the same failing requests have, and as many others, as one: they say the same."""
    found: dict[tuple[int, ...], list[Trait]] = {}
    for trait in traits:
        found.setdefault(trait[2:], []).append(trait)
    return list(found.values())


def _counts(requests: list[Iterable[int]]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for traits in requests:
        for number in traits:
            counts[number] = counts.get(number, 0) + 1
    return counts


def _ranked(traits: list[Trait]) -> list[Trait]:
    told = [trait for trait in traits if trait.difference >= _LEAST_DIFFERENCE]
    return sorted(told, key=lambda trait: (-trait.difference, trait.key, trait.value))
