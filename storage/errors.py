"""What this machine's storage refuses: a full disk, a damaged file, a second owner."""

import errno

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of an OSError: a full disk, a used up quota


class StorageError(Exception):
    """Storage cannot do what was asked; the message names the file or folder and what to do."""
