"""The step that ends a job of checksums: one manifest is made, or looked through for what is gone."""

import os
import stat as modes
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar, Final

from towpath.domain.catalogue import MANIFEST, StepSpec
from towpath.domain.paths import ErrorClass, PathOutcome, printable
from towpath.hsm import private
from towpath.hsm.look import erase_mark
from towpath.hsm.make import make_parents
from towpath.steps.manifests import (
    ALGORITHMS,
    UNDER_WAY,
    Malformed,
    lines_of,
    manifest_path,
    parse_line,
    parts_of,
    path_of,
    sync_directory,
)
from towpath.steps.outcomes import GONE, all_failed, already, failed, processed
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import StorageError
from towpath.storage.roots import OutsideRoot, Root

GOES_ON: Final = "goes_on"
"""The state of the path where the job only takes up what an earlier one left."""
DONE: Final = b".done"
"""How the name of a directory of parts ends that are in the manifest."""
SHOWN: Final = 5
READABLE: Final = 0o644


class Manifest:
    """Makes one manifest of the lines that the checksum tasks of its job have kept, in the order of these tasks.

    The one that stood there before is replaced in one move; a retry of what failed adds its lines to it.

    - `manifest`, `algorithm`: as the checksum step has them.
    - `check`: nothing is written; each path that the manifest names is looked for, and the step fails where one is
      not there, which no checksum task could notice.
    """

    spec: ClassVar[StepSpec] = MANIFEST

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Make it, or look through it; see the class."""
        try:
            manifest = manifest_path(context.arguments["manifest"])
        except StorageError as error:
            return all_failed(context, error)

        def work(item: Item) -> PathOutcome:
            if context.arguments["check"]:
                return _looked_through(context, item, manifest)
            return _made(context, item, manifest)

        return context.each(work, context.items)


def _made(context: Context, item: Item, manifest: bytes) -> PathOutcome:
    root, directory = context.root, parts_of(context.job, manifest)
    done = directory + DONE
    if _clear(root, done):  # A run that was lost had come this far.
        return already(item)
    names = _names(root, directory)
    if not names and context.again:
        return already(item)

    def lines() -> Iterator[bytes]:
        if item.state == GOES_ON:
            with suppress(*GONE):
                yield from lines_of(root, manifest)
        for name in names:
            context.go_on()
            if not name.endswith(UNDER_WAY):
                yield from lines_of(root, directory + b"/" + name)

    try:
        _write(context, manifest, lines())
    except private.Busy:
        return failed(item, "another run is making the manifest now", ErrorClass.TRANSIENT)
    except private.NotOurs:
        return failed(item, "a file that is not ours stands where the manifest's private file would be made")
    _move(root, directory, done)
    _clear(root, done)
    return processed(item, root.stat(manifest).st_size)


def _write(context: Context, manifest: bytes, lines: Iterator[bytes]) -> None:
    """Write the manifest under a private name, and let it take its place once it is safe."""
    root, key = context.root, context.site.key
    make_parents(root, manifest)
    fd = private.create(root, manifest, key)
    try:
        with open(os.dup(fd), "wb") as file:
            file.writelines(lines)
        os.fchmod(fd, READABLE)
        os.fsync(fd)
        context.confirm()
        with root.holding(manifest) as (directory, name):
            os.rename(private.name_beside(name), name, src_dir_fd=directory, dst_dir_fd=directory)
        erase_mark(fd, READABLE)  # Not before: what a death leaves beside its place is told by it.
    finally:
        private.abandon(root, manifest, fd)
    sync_directory(root, manifest.rpartition(b"/")[0])


def _names(root: Root, directory: bytes) -> list[bytes]:
    """The parts, in the order of their tasks."""
    try:
        fd = root.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except GONE:
        return []
    try:
        return sorted(os.fsencode(name) for name in os.listdir(fd))
    finally:
        os.close(fd)


def _move(root: Root, directory: bytes, done: bytes) -> None:
    """Say in one move that the parts are in the manifest: of parts of which some are gone it is never made again."""
    with suppress(*GONE), root.holding(directory) as (parent, old):
        os.rename(old, done.rpartition(b"/")[2], src_dir_fd=parent, dst_dir_fd=parent)


def _clear(root: Root, done: bytes) -> bool:
    """Remove parts that are in the manifest; whether there were any."""
    try:
        names = _names(root, done)
        for name in names:
            with suppress(FileNotFoundError), root.holding(done + b"/" + name) as (parent, last):
                os.unlink(last, dir_fd=parent)
        with root.holding(done) as (parent, last):
            os.rmdir(last, dir_fd=parent)
    except GONE:
        return False
    return True


def _looked_through(context: Context, item: Item, manifest: bytes) -> PathOutcome:
    algorithm = ALGORITHMS[context.arguments["algorithm"]]
    gone: list[bytes] = []
    count = number = 0
    try:
        for line in lines_of(context.root, manifest):
            number += 1
            context.go_on()
            _, name = parse_line(algorithm, line)
            if not _is_there(context.root, path_of(manifest, name)):
                count += 1
                gone += [name] if len(gone) < SHOWN else []
    except Malformed as error:
        return failed(item, f"manifest, line {number}: {error}", ErrorClass.PERMANENT)
    if count:
        shown = ", ".join(f"'{printable(name)}'" for name in gone) + (" …" if count > SHOWN else "")
        return failed(item, f"{count} of {number} paths that the manifest names are not there: {shown}")
    return processed(item)


def _is_there(root: Root, path: bytes) -> bool:
    try:
        return modes.S_ISREG(root.stat(path).st_mode)
    except (*GONE, OutsideRoot):
        return False
