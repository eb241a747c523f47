"""The tree of Topic Filters finds what matches, visits little, and keeps nothing that is gone."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from amqtt.topics.filter_tree import FilterTree
from amqtt.topics.names import matches
from support.subscribers import topic_filters, topics


def tree_of(filters: list[str]) -> FilterTree[str]:
    tree: FilterTree[str] = FilterTree()
    for each in filters:
        tree.set(each, each)
    return tree


@given(st.sets(topic_filters, max_size=30), st.lists(topics, max_size=10))
def test_it_finds_each_filter_that_matches_once_and_no_other(filters: set[str], tried: list[str]) -> None:
    tree = tree_of(sorted(filters))
    for topic in tried:
        assert sorted(tree.matching(topic)) == sorted(each for each in filters if matches(each, topic))


changes_of_filters = st.lists(st.tuples(st.booleans(), topic_filters), max_size=60)


@given(changes_of_filters, st.lists(topics, min_size=1, max_size=5))
def test_it_is_the_same_as_a_dict_after_any_changes(
    changes: list[tuple[bool, str]], tried: list[str]
) -> None:
    tree: FilterTree[int] = FilterTree()
    model: dict[str, int] = {}
    for number, (comes, topic_filter) in enumerate(changes):
        if comes:
            tree.set(topic_filter, number)
            model[topic_filter] = number
        else:
            tree.delete(topic_filter)
            model.pop(topic_filter, None)
        assert tree.nodes <= 2 * len(model)
        for each in [topic_filter, *model]:
            assert tree.get(each) == model.get(each)
        for topic in tried:
            expected = sorted(value for each, value in model.items() if matches(each, topic))
            assert sorted(tree.matching(topic)) == expected
    for each in model:
        tree.delete(each)
    assert tree.nodes == 0


def test_it_has_the_same_nodes_whatever_came_and_went_before() -> None:
    stays = ["a/b/c/d/+", "a/b/x/#"]
    tree = tree_of([*stays, "a/b", "a/b/c/+/e", "a/+/c/d", "a/b/c/d"])
    for gone in ["a/b/c/+/e", "a/b", "a/b/c/d", "a/+/c/d"]:
        tree.delete(gone)
    assert tree.nodes == tree_of(stays).nodes == 3


def test_a_filter_of_many_levels_costs_one_node() -> None:
    tree = tree_of(["/".join("+" * 200) + "/#"])
    assert tree.nodes == 1


def test_deleting_a_filter_that_is_not_there_changes_nothing() -> None:
    tree = tree_of(["a/b/+", "#"])
    for absent in ["a/b", "a/b/#", "a/b/+/c", "a", "+", "x/#"]:
        tree.delete(absent)
        assert tree.get(absent) is None
    assert sorted(tree.matching("a/b/c")) == ["#", "a/b/+"]


def test_only_nodes_that_match_the_beginning_of_the_topic_are_visited() -> None:
    tree = tree_of([f"device/{number}/#" for number in range(10_000)])
    assert tree.matching("device/77/state") == ["device/77/#"]
    assert tree.visits == 2


def test_a_deep_topic_costs_no_more_visits_than_there_are_nodes_on_its_way() -> None:
    random = Random(7)
    filters = {"/".join("+" * levels) + "/#" for levels in range(1, 200)}
    while len(filters) < 10_000:
        same = random.randrange(100)
        filters.add("/".join(["+"] * same + [str(random.randrange(10**6)), "+", "#"]))
    tree = tree_of(sorted(filters))
    assert tree.nodes <= 2 * len(filters)
    assert len(tree.matching("/".join("x" * 200))) == 199
    assert tree.visits <= 200


def test_filters_of_both_wildcard_and_literal_everywhere_are_visited_once_each() -> None:
    random = Random(7)
    filters = {"/".join(random.choices("+a", k=14)) for _ in range(5_000)}
    tree = tree_of(sorted(filters))
    found = tree.matching("/".join("a" * 14))
    assert sorted(found) == sorted(filters)
    assert tree.visits <= tree.nodes


def test_the_longest_filters_and_topics_pass() -> None:
    longest = "/" * 65_535
    filters = ["#", "+/#", longest, longest[:-1] + "+", longest[:-2] + "/#", "/" * 30_000 + "+/#"]
    tree = tree_of(filters)
    assert sorted(tree.matching(longest)) == sorted(each for each in filters if matches(each, longest))
    assert len(tree.matching(longest)) > 3
    for each in filters:
        tree.delete(each)
    assert tree.nodes == 0
    assert tree.matching(longest) == []
