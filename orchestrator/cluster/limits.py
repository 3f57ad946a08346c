"""Limits of this process that Ray cannot start under."""

import resource

_GIB = 2**30
# What Ray needs at least: it reserves address space far beyond the memory that it uses, and starts
# some ten processes, with threads and open files by the dozen each.
_ENOUGH = (
    (resource.RLIMIT_AS, 64 * _GIB, "address space, ulimit -v", _GIB, "GiB"),
    (resource.RLIMIT_NPROC, 2048, "processes and threads, ulimit -u", 1, ""),
    (resource.RLIMIT_NOFILE, 1024, "open files, ulimit -n", 1, ""),
)


def likely_limits() -> str:
    """The limits that are lower than Ray may need, as a message's end; empty if there are none."""
    low = []
    for kind, enough, name, unit, unit_name in _ENOUGH:
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY and soft < enough:
            low.append(f"{soft / unit:g} {unit_name}".strip() + f" ({name})")
    return f"; a likely cause is a limit: {', '.join(low)}; raise it" if low else ""
