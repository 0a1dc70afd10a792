"""The parser gives the same events however the bytes are split, and those that were written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.models.sse import Events

TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=12)
LINES = st.one_of(
    TEXT.map(lambda t: f"data: {t}"),
    TEXT.map(lambda t: f"data:{t}"),
    TEXT.map(lambda t: f":{t}"),
    TEXT,
    st.just(""),
)


def split_up(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted(c % (len(stream) + 1) for c in cuts)
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


def parse(blocks: list[bytes]) -> list[bytes]:
    events = Events()
    return [e for block in blocks for e in events.feed(block)] + events.close()


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=12),
    cuts=st.lists(st.integers(0, 10**6), max_size=20),
)
def test_any_split_gives_the_same_events(lines, cuts):
    stream = "".join(line + newline for line, newline in lines).encode()
    whole = parse([stream])
    assert parse(split_up(stream, cuts)) == whole
    assert parse([bytes([b]) for b in stream]) == whole


@settings(max_examples=100, deadline=None)
@given(
    events=st.lists(TEXT.filter(bool), max_size=8),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 10**6), max_size=10),
)
def test_what_was_written_is_read(events, newline, cuts):
    stream = "".join(f"data: {e}{newline}{newline}" for e in events).encode()
    assert parse(split_up(stream, cuts)) == [e.encode() for e in events]
