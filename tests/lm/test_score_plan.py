from hypothesis import given
from hypothesis import strategies as st

from lm.score_plan import WORTH_TOKENS, Limits, first_batch, plan


def nodes(node):
    return [node, *(below for child in node.children for below in nodes(child))]


def test_a_manual_and_its_questions_and_their_traces():
    manual, questions = (1,) * 500, [(2, n) * 100 for n in range(2)]
    contexts = [(*manual, *question, 3, n, 9) for question in questions for n in range(3)]
    root = plan(contexts)
    assert (root.length, root.rows) == (501, ())
    assert sorted((child.length, sorted(child.rows)) for child in root.children) == [
        (701, [0, 1, 2]),
        (701, [3, 4, 5]),
    ]


def test_what_is_too_short_to_pay_is_not_computed_apart():
    root = plan([(1, 2, 3, n, n) for n in range(4)])
    assert (root.length, sorted(root.rows), root.children) == (0, [0, 1, 2, 3], ())


def test_long_prefixes_are_found_behind_a_short_one():
    root = plan([(1, kind, *(7,) * 200, n) for kind in (2, 3) for n in range(2)])
    assert (root.length, root.rows) == (0, ())
    assert [(child.length, sorted(child.rows)) for child in root.children] == [(202, [0, 1]), (202, [2, 3])]


def test_equal_contexts_leave_their_last_token_to_each_row():
    root = plan([(5,) * 300] * 3)
    assert (root.length, sorted(root.rows)) == (299, [0, 1, 2])


contexts = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=6).map(lambda ids: tuple(id_ for id_ in ids for _ in range(90))),
    min_size=1,
    max_size=12,
)


@given(contexts=contexts)
def test_each_row_stands_once_below_prefixes_that_are_its_own_and_pay(contexts):
    root = plan(contexts)
    assert sorted(row for node in nodes(root) for row in node.rows) == list(range(len(contexts)))

    def check(node, above):
        below = [row for each in nodes(node) for row in each.rows]
        prefix = contexts[node.example][: node.length]
        assert all(contexts[row][: node.length] == prefix and len(contexts[row]) > node.length for row in below)
        if node.length:
            assert (len(below) - 1) * (node.length - above) >= WORTH_TOKENS
        for child in node.children:
            assert child.length > node.length
            check(child, node.length)

    check(root, 0)


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=30), tokens=st.integers(1, 200))
def test_batches_hold_the_longest_rows_and_keep_the_limits(lengths, tokens):
    limits = Limits(tokens, 10 * tokens)
    batch = first_batch(range(len(lengths)), dict(enumerate(lengths)), 30, limits)
    longest = lengths[batch[0]]
    assert longest == max(lengths)
    assert len(batch) == 1 or (len(batch) * longest <= tokens and len(batch) * (30 + longest) <= 10 * tokens)


def test_limits_shrink_below_what_did_not_fit():
    assert Limits(2048, 65_536).below(1000, 3000) == Limits(500, 1500)
    assert Limits(100, 100).below(1000, 3000) == Limits(100, 100)
    assert Limits(1, 1).below(1, 1) == Limits(1, 1)
