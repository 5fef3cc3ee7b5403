"""What the steps that work on managed files have in common: their words, and what they do with private files."""

from contextlib import suppress
from typing import Final

from towpath.domain.paths import ErrorClass, PathOutcome
from towpath.hsm import private
from towpath.hsm.fill import Filling, NotFilled, fill
from towpath.hsm.look import Look
from towpath.hsm.mark import Judged
from towpath.hsm.shelf import Shelf
from towpath.steps.outcomes import already, failed, skipped
from towpath.steps.protocol import Context, Item
from towpath.storage.roots import Root

UNGUARDED: Final = (
    "a stub would read as zeros here: no recall daemon guards this site, and it has not said `unguarded = true`"
    " (premigrate copies without making stubs)"
)
EDITED: Final = "it is a stub that was written to: neither it nor its object is whole, and both are kept"
_PERMANENT: Final = (NotFilled.EDITED, NotFilled.NOT_OURS, NotFilled.NO_LEASES, NotFilled.OTHER_RECORD)


def foreign(item: Item, judged: Judged) -> PathOutcome:
    """The outcome of a file whose mark is not trusted."""
    advice = "`towpath site adopt` binds restored stubs anew"
    return failed(item, f"its mark is not trusted: {judged.why} ({advice})")


def edited(item: Item) -> PathOutcome:
    """The outcome of a stub that was written to."""
    return failed(item, EDITED)


def closed(item: Item) -> PathOutcome:
    """The outcome of a file that its own mode keeps everybody from reading, its owner's worker too."""
    return failed(item, "its permission bits let nobody read it", ErrorClass.NO_PERMISSION)


def bring(
    context: Context, item: Item, found: Look, shelf: Shelf, how: Filling, root: Root | None = None
) -> PathOutcome | None:
    """Fill a stub from the target that its mark names; None once done, else the outcome that says why not.

    `root` is the one beneath which the item's path lies, the task's own where left out.
    """
    mark = found.judged.ours
    storage = context.target_of(mark.reference.tag).storage
    record = shelf.find(storage, mark.reference)
    why = fill(root or context.root, item.path, found, record, storage, how)
    return None if why is None else not_filled(item, why)


def not_filled(item: Item, why: NotFilled) -> PathOutcome:
    """The outcome of a stub that stayed one."""
    return failed(item, why, ErrorClass.PERMANENT if why in _PERMANENT else ErrorClass.TRANSIENT)


def already_whole(
    context: Context, item: Item, carry: bytes | None = None, root: Root | None = None
) -> PathOutcome:
    """The outcome of a path at which all stands as wished; what an interrupted run left beside it goes.

    One that died after the files had changed places has left the old one under the private name.
    """
    parent, slash, name = item.path.rpartition(b"/")
    with suppress(private.Busy, private.NotOurs, OSError):
        private.reclaim(root or context.root, parent + slash + private.name_beside(name), context.site.key)
    return already(item, carry)


def clear_private(context: Context, item: Item) -> PathOutcome:
    """Remove what an interrupted run left beside its place; it is no file of anybody's."""
    try:
        private.reclaim(context.root, item.path, context.site.key)
    except private.Busy:
        return skipped(item, "it is a file under way to its place")
    except private.NotOurs:
        return skipped(item, "it has the name of a private file, but is none of ours")
    return skipped(item, "it was left by an interrupted run, and was removed")
