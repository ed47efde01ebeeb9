"""What failing requests have in common."""

from __future__ import annotations

from autogen_otel.diagnosis.traits import MAX_VALUES, Trait, Traits, in_common, threshold, together


def marked(traits: Traits, *requests: dict[str, object]) -> list[set[int]]:
    """Return the traits of requests with these attributes."""
    found: list[set[int]] = [set() for _ in requests]
    for attributes, numbers in zip(requests, found, strict=True):
        traits.add(attributes, numbers)
    return found


def test_greatest_difference_comes_first():
    """An attribute that all failing requests have and no other comes before one that many others have too."""
    traits = Traits()
    failing = marked(traits, *[{"pod": "a", "route": "/chat"}] * 3)
    others = marked(traits, {"pod": "b", "route": "/chat"}, {"pod": "b", "route": "/"}, {"pod": "a", "route": "/"})

    assert [one._replace(whose=0) for one in in_common(failing, others, traits.known)] == [
        Trait("pod", "a", 3, 3, 1, 3),
        Trait("route", "/chat", 3, 3, 1, 3),
    ]


def test_the_same_in_other_words_is_told_together():
    """What the same failing requests have is one thing; what as many others of them have is another one."""
    traits = Traits()
    failing = marked(
        traits, *[{"status": 429, "code": "busy", "pod": "a"}] * 2, *[{"status": 500, "code": "down", "pod": "a"}] * 2
    )
    others = marked(traits, *[{"status": 200}] * 4)

    found = together(in_common(failing, others, traits.known))
    assert sorted(sorted(one.value for one in alike) for alike in found) == [["429", "busy"], ["500", "down"], ["a"]]


def test_what_all_have_is_not_told():
    """An attribute that is as common among the others says nothing."""
    traits = Traits()

    assert in_common(marked(traits, *[{"a": 1}] * 4), marked(traits, *[{"a": 1}] * 4), traits.known) == []


def test_attribute_with_too_many_values_is_dropped():
    """IDs and the like tell requests apart: beyond a number of values nothing is kept, and nothing is told."""
    traits = Traits()
    others = marked(traits, *[{"id": number} for number in range(10 * MAX_VALUES)])
    failing = marked(traits, {"id": 0}, {"id": 0})

    assert (in_common(failing, others[1:], traits.known), max(map(max, filter(None, others)))) == (
        [],
        MAX_VALUES - 1,
    )


def test_measure_is_told_as_a_threshold():
    """A number such as the concurrency is told as the value from which on requests fail."""
    assert threshold("in flight", [5, 6, 9], [1, 2, 3, 5]) == [Trait("in flight", ">= 5", 3, 3, 1, 4)]


def test_one_failing_request_has_nothing_in_common():
    """With a single failing request everything would be a trait."""
    traits = Traits()

    assert in_common(marked(traits, {"a": 1}), marked(traits, {"a": 2}, {"a": 2}), traits.known) == []
