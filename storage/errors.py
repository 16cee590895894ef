"""What this machine's storage refuses: a full disk, a damaged file, a second owner."""


class StorageError(Exception):
    """Storage cannot do what was asked; the message names the file or folder and what to do."""
