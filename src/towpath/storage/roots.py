"""The roots of a site: the only directories beneath which a worker opens anything."""

import ctypes
import errno
import os
import stat as modes
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import lru_cache
from types import TracebackType
from typing import Final, Protocol, Self, TypeAlias

from towpath.domain.errors import NotFound, did_you_mean
from towpath.domain.paths import is_clean, printable

OpenBeneath: TypeAlias = Callable[[int, bytes, int, int], int]
"""`(directory fd, clean path, flags, mode) → fd`: opens beneath that directory, follows no symbolic link."""

_OPENAT2: Final = 437
"""Its number on every architecture that Linux numbers alike since 5.1."""
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_NO_SYMLINKS: Final = 0x04
_RESOLVE_BENEATH: Final = 0x08
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
_syscall.restype = ctypes.c_long


class OutsideRoot(OSError):
    """A path that is no clean path beneath its root: `..`, a leading or doubled slash, or the like."""

    def __init__(
        self, root: str, path: bytes, expected: str = "a path without '.', '..' or empty parts"
    ) -> None:
        super().__init__(errno.EXDEV, f"root '{root}': expected {expected}, found '{printable(path)}'")


class _OpenHow(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_HOW_SIZE: Final = ctypes.sizeof(_OpenHow)


@lru_cache(maxsize=256)
def _how(flags: int, mode: int) -> tuple[_OpenHow, int]:
    """The kernel only reads it, so one serves all threads; the address is good while the struct is kept."""
    creates = flags & os.O_CREAT or flags & os.O_TMPFILE == os.O_TMPFILE
    resolve = _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
    how = _OpenHow(flags | os.O_CLOEXEC, mode if creates else 0, resolve)
    return how, ctypes.addressof(how)


def open_by_kernel(directory: int, path: bytes, flags: int, mode: int) -> int:
    """Open through openat2(2): the kernel refuses, in one call, whatever would leave the directory."""
    kept, address = _how(flags, mode)
    while True:
        fd: int = _syscall(_OPENAT2, directory, path, address, _HOW_SIZE)
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number != errno.EINTR:
            del kept
            raise OSError(number, os.strerror(number), path)


def open_by_walk(directory: int, path: bytes, flags: int, mode: int) -> int:
    """Open one component after the other, following none: for kernels and sandboxes without openat2."""
    *parents, last = path.split(b"/")
    held = directory
    try:
        for parent in parents:
            below = _open_component(held, parent, _DIRECTORY, 0)
            if held != directory:
                os.close(held)
            held = below
        return _open_component(held, last, flags, mode)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from None
    finally:
        if held != directory:
            os.close(held)


def _open_component(directory: int, name: bytes, flags: int, mode: int) -> int:
    try:
        fd = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
    except NotADirectoryError:
        if modes.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise
    if flags & os.O_PATH and not flags & os.O_NOFOLLOW and modes.S_ISLNK(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return fd


def _kernel_has_openat2() -> bool:
    """False also where a sandbox answers EPERM for a call it does not know."""
    try:
        os.close(open_by_kernel(-100, b".", os.O_PATH, 0))
    except OSError as error:
        return error.errno not in (errno.ENOSYS, errno.EPERM)
    return True


OPEN_BENEATH: Final[OpenBeneath] = open_by_kernel if _kernel_has_openat2() else open_by_walk
"""The way this machine offers."""


class _Holding(AbstractContextManager[tuple[int, bytes]]):
    """The parent directory of a path, held open for as long as the `with` lasts."""

    __slots__ = ("_fd", "_path", "_root")

    def __init__(self, root: "Root", path: bytes) -> None:
        self._root, self._path, self._fd = root, path, -1

    def __enter__(self) -> tuple[int, bytes]:
        parent, slash, last = self._path.rpartition(b"/")
        if not slash:
            return self._root.fd, last
        self._fd = self._root.open(parent, _DIRECTORY)
        return self._fd, last

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Root:
    """A directory that a site declared: paths beneath it are opened through it, and no others.

    Symbolic links are never followed, not in the middle of a path either; a mount beneath the root belongs to
    it. `path` is the absolute directory as declared, `fd` an O_PATH descriptor of it, open until `close`.
    """

    __slots__ = ("_beneath", "fd", "name", "path")

    def __init__(self, name: str, path: bytes, beneath: OpenBeneath = OPEN_BENEATH) -> None:
        if not os.path.isabs(path):
            raise ValueError(f"root '{name}': expected an absolute directory, found '{printable(path)}'")
        self.name = name
        self.path = os.path.normpath(path)
        self.fd = os.open(self.path, _DIRECTORY)
        self._beneath = beneath

    def open(self, rel: bytes, flags: int, mode: int = 0o600) -> int:
        """A new descriptor (O_CLOEXEC) of a path; b"" is the root itself.

        Raises `OutsideRoot` for an unclean path, OSError with ELOOP where any component is a symbolic link
        (but O_PATH | O_NOFOLLOW opens a link itself), and whatever else open(2) says.
        """
        if not is_clean(rel):
            raise OutsideRoot(self.name, rel)
        return self._beneath(self.fd, rel or b".", flags, mode)

    def holding(self, rel: bytes) -> AbstractContextManager[tuple[int, bytes]]:
        """`with root.holding(path) as (directory, name)`: for rename, unlink, mkdir, readlink and the like.

        The descriptor is good only inside the `with`. b"" is refused: the root has no name beneath itself.
        """
        if not rel or not is_clean(rel):
            raise OutsideRoot(self.name, rel, "a path beneath it, without '.', '..' or empty parts")
        return _Holding(self, rel)

    def stat(self, rel: bytes) -> os.stat_result:
        """What lstat(2) says of a path: a symbolic link is looked at, never followed."""
        if not is_clean(rel):
            raise OutsideRoot(self.name, rel)
        if not rel:
            return os.fstat(self.fd)
        if b"/" not in rel:
            return os.stat(rel, dir_fd=self.fd, follow_symlinks=False)
        fd = self._beneath(self.fd, rel, os.O_PATH | os.O_NOFOLLOW, 0)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let the directory go; twice does no harm."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Root({self.name!r}, {self.path!r})"


class Holds(Protocol):
    """A root, or what stands for one while many of its paths are renamed."""

    def holding(self, rel: bytes) -> AbstractContextManager[tuple[int, bytes]]:
        """`with …holding(path) as (directory, name)`."""


class Parents:
    """Holds the directories above paths that are renamed one after the other, and opens one anew only where it is not
    the last one's: for a moment, such as a group's; `with` it."""

    __slots__ = ("_directory", "_held", "_parent", "_root")

    def __init__(self, root: Root) -> None:
        self._root = root
        self._parent, self._directory = b"", -1
        self._held = ExitStack()

    def holding(self, rel: bytes) -> AbstractContextManager[tuple[int, bytes]]:
        """As `Root.holding`; the descriptor is good until the next call."""
        parent, slash, name = rel.rpartition(b"/")
        if not slash:
            return self._root.holding(rel)
        if parent != self._parent:
            self._held.close()
            self._parent = b""
            self._directory = self._held.enter_context(self._root.holding(rel))[0]
            self._parent = parent
        elif not is_clean(rel):
            raise OutsideRoot(self._root.name, rel)
        return nullcontext((self._directory, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()
        self._parent = b""


class Roots(Mapping[str, Root]):
    """The roots of a site by name."""

    def __init__(self, roots: Iterable[Root] = ()) -> None:
        self._roots = {root.name: root for root in roots}

    def of(self, name: str) -> Root:
        """The root of that name; raises `NotFound` that names those there are."""
        root = self._roots.get(name)
        if root is None:
            raise NotFound(f"this site has no root '{name}'{did_you_mean(name, self._roots)}")
        return root

    def close(self) -> None:
        """Let all of them go."""
        for root in self._roots.values():
            root.close()

    def __getitem__(self, name: str) -> Root:
        return self._roots[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._roots)

    def __len__(self) -> int:
        return len(self._roots)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
