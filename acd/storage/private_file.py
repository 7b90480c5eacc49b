"""Files of the state folder: readable by their owner only, whatever the umask says.

Who called, who is registered from where and how to reach the database is nobody else's business.
A stricter umask for the whole process would not do: the embedded Postgres may run under another
account, which has to get at its programs.
"""

import os
from pathlib import Path

PRIVATE_MODE = 0o600


def replace_private(path: Path, data: bytes) -> None:
    """Replace the file as a whole: who reads it meanwhile sees the old or the new content.

    The draft is `<name>.new` beside it. Raises OSError; the file before stands then.
    """
    draft = path.with_name(f"{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_MODE)
    with open(handle, "wb") as file:
        os.fchmod(handle, PRIVATE_MODE)  # a draft that a crash left behind keeps its mode
        file.write(data)
    draft.replace(path)
