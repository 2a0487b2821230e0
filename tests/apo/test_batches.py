from hypothesis import given
from hypothesis import strategies as st

from apo.batches import BATCH_ITEMS, EVIDENCE_TOKENS, clip, count_tokens, pack


@given(st.lists(st.integers(0, EVIDENCE_TOKENS // 2 - 1), max_size=30))
def test_pack_keeps_order_and_bounds_and_shrinks(sizes):
    items = ["x" * (3 * size) for size in sizes]
    batches = pack(items)
    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) <= BATCH_ITEMS for batch in batches)
    assert all(count_tokens("\n\n".join(batch)) <= EVIDENCE_TOKENS for batch in batches)
    assert len(batches) < len(items) or len(items) < 2


@given(st.text(st.characters(), max_size=60), st.integers(4, 20))
def test_clip_never_exceeds_its_bound(text, tokens):
    clipped = clip(text, tokens)
    assert count_tokens(clipped) <= tokens
    clipped.encode()
