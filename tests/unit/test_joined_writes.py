"""What goes out when on a transport that joins a reply's head with its body."""

import asyncio

from outlay.gateway.joined_writes import Joined

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Written:
    """A transport that notes what was done with it."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.done.append(parts)

    def close(self) -> None:
        self.done.append("closed")

    def write_eof(self) -> None:
        self.done.append("ended")

    def is_closing(self) -> bool:
        return "closed" in self.done


async def test_a_head_leaves_with_its_body_at_once_and_the_rest_as_it_comes() -> None:
    plain = Written()
    joined = Joined(plain)
    joined.write(HEAD)
    assert plain.done == []
    joined.write(b"one")
    joined.write(b"two")
    assert plain.done == [(HEAD, b"one"), b"two"]
    await asyncio.sleep(0)
    assert plain.done == [(HEAD, b"one"), b"two"]


async def test_a_head_whose_body_does_not_come_in_the_same_step_leaves_alone() -> None:
    plain = Written()
    joined = Joined(plain)
    joined.write(HEAD)
    await asyncio.sleep(0)
    joined.write(b"later")
    assert plain.done == [HEAD, b"later"]


async def test_a_head_is_not_lost_where_the_connection_ends() -> None:
    closed, ended = Written(), Written()
    for plain, end in ((closed, "close"), (ended, "write_eof")):
        joined = Joined(plain)
        joined.write(HEAD)
        getattr(joined, end)()
    assert (closed.done, ended.done) == ([HEAD, "closed"], [HEAD, "ended"])
    assert Joined(closed).is_closing()
