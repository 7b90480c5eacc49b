"""Becomes a Postgres program: drops root, binds its life to the parent's, then executes it.

Run as a file of its own (`python -I -S postgres_child.py PARENT UID GID PROGRAM ARGUMENT…`),
because code between fork and exec of a process with threads may deadlock.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

NICENESS = 5
"A third of the weight of a process at 0: calls go first where cores are short, records wait."


def main() -> None:
    """Switch to UID and GID unless they are -1, then execute PROGRAM."""
    parent, uid, gid = map(int, sys.argv[1:4])
    program, arguments = sys.argv[4], sys.argv[4:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # Only now: the kernel clears the setting when the user changes. SIGINT is Postgres' "fast
    # shutdown", so that it ends in good order even when the parent is killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        sys.exit("the parent died before the start")
    os.umask(0o077)
    os.nice(NICENESS)
    os.execv(program, arguments)


if __name__ == "__main__":
    main()
