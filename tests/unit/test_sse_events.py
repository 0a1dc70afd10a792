import pytest

from outlay.errors import BadReply
from outlay.models import sse
from outlay.models.sse import Events


def test_comments_unknown_fields_and_joined_data_lines():
    stream = b": alive\n\nevent: message\nid: 7\ndata: one\ndata:two\n\ndata\n\ndata: three\n\n"
    assert Events().feed(stream) == [b"one\ntwo", b"three"]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_line_ending(newline):
    stream = newline.join([b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])
    events = Events()
    assert [e for byte in stream for e in events.feed(bytes([byte]))] == [b"1\n2", b"3"]


def test_byte_order_mark_is_ignored():
    assert Events().feed(b"\xef\xbb\xbfdata: 1\n\n") == [b"1"]


def test_close_gives_an_event_without_its_blank_line_once():
    events = Events()
    assert events.feed(b"data: 1\n\ndata: 2") == [b"1"]
    assert events.close() == [b"2"]
    assert events.close() == []


@pytest.mark.parametrize("block", [b"data: " + b"x" * 60, b"data: xxxxx\n"])
def test_an_endless_event_is_refused(block, monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    events = Events()
    with pytest.raises(BadReply, match="16 MiB") as caught:
        _ = [events.feed(block) for _ in range(1000)]
    assert caught.value.billed


def test_many_small_events_are_no_large_one(monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    events = Events()
    assert sum(len(events.feed(b"data: xxxxxxxx\n\n")) for _ in range(1000)) == 1000
