"""Copying what is in a file, with its holes, to another."""

import errno
import os
from collections.abc import Callable
from typing import Final

from towpath.hsm.metadata import is_sparse
from towpath.storage import durable

PIECE: Final = 1024 * 1024


def copy_content(source: int, target: int, found: os.stat_result, go_on: Callable[[int], None]) -> None:
    """Copy a file's bytes, leaving its holes; `go_on` is told of each piece, and may end it by an exception."""
    size = found.st_size
    if size <= PIECE and not is_sparse(found):
        _copy_stretch(source, target, (0, size), go_on)
        return
    end = 0
    while end < size:
        try:
            start = os.lseek(source, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # Only a hole is left.
        end = min(size, os.lseek(source, start, os.SEEK_HOLE))
        _copy_stretch(source, target, (start, end), go_on)
    os.ftruncate(target, size)


def _copy_stretch(source: int, target: int, stretch: tuple[int, int], go_on: Callable[[int], None]) -> None:
    done, end = stretch
    while done < end:
        piece = os.pread(source, min(PIECE, end - done), done)
        if not piece:  # It became shorter: whoever compares its stat afterwards sees that.
            return
        written = os.pwrite(target, piece, done)
        while written < len(piece):
            written += os.pwrite(target, piece[written:], done + written)
        durable.written(target, done, len(piece))
        done += len(piece)
        go_on(len(piece))
