"""How many files and connections a process may have open."""

import resource
from typing import Final

DESCRIPTORS: Final = 65_536
"""As many a hub or a node asks for, where it may have them."""


def raise_descriptors() -> None:
    """Have as many descriptors as this user may: the usual limit is for programs of long ago."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
