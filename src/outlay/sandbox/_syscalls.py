"""The system calls that a program in the sandbox is denied, as a filter for the kernel (classic BPF).

Above all it cannot make processes, only threads: so the memory limit of one process is the limit of all, and
there are no fork bombs. What widens the kernel's attack surface without use to a test is denied too.
"""

from __future__ import annotations

import platform
import struct

_CLONE_THREAD = 0x10000
_EPERM, _ENOSYS = 1, 38
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _IF_EQUAL, _IF_ABOVE, _IF_BITS, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16

_MACHINES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    # machine: (audit architecture, clone, denied calls). Denied, in this order: fork and vfork (x86-64 only),
    # ptrace, mount, umount2, unshare, setns, add_key, request_key, keyctl, bpf, perf_event_open, userfaultfd,
    # process_vm_readv, process_vm_writev, io_uring_setup.
    "x86_64": (
        0xC000003E,
        56,
        (57, 58, 101, 165, 166, 272, 308, 248, 249, 250, 321, 298, 323, 310, 311, 425),
    ),
    "aarch64": (0xC00000B7, 220, (117, 40, 39, 97, 268, 217, 218, 219, 280, 241, 282, 270, 271, 425)),
}
_CLONE3 = 435


def denied_calls(machine: str | None = None) -> bytes | None:
    """The filter program for `bwrap --seccomp`, or None for a machine whose call numbers are not known here.

    Processes are refused with EPERM; `clone3`, whose flags a filter cannot read, with ENOSYS, upon which the
    C library falls back to `clone`, where threads are allowed. A program of another architecture is killed.

    Args:
        machine: as `platform.machine` names it; None is this one.

    Example:
        >>> len(denied_calls("x86_64")) % 8, denied_calls("m68k")
        (0, None)
    """
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    architecture, clone, denied = known
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        # x86-64 knows each call by a second number too, with this bit set.
        (_IF_ABOVE, 0, 1, 0x3FFFFFFF),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    for number in denied:
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    program += [
        (_IF_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
        (_IF_EQUAL, 1, 0, clone),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_IF_BITS, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
