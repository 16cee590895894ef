"""The keystore as an option of commands, and where its password comes from.

A file, else the environment's REELECT_PASSWORD, else a question on the terminal.
"""

import os
import sys
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path

from cyclopts import Parameter

from node.commands.arguments import client_section
from node.failure import Usage
from node.files import read_bounded
from node.wallet.keystore import Keystore

ENVIRONMENT = "REELECT_PASSWORD"
MAX_PASSWORD_BYTES = 1024


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class KeystoreOptions:
    """The options of every command that uses a key.

    Parameters
    ----------
    keystore
        Folder of the encrypted keys; else `client.keystore` of the configuration.
    password_file
        File whose first line is the password; else $REELECT_PASSWORD, else a prompt.
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml, else that of the
        local network.
    """

    keystore: Path | None = None
    password_file: Path | None = None
    config: Path | None = None

    @property
    def store(self) -> Keystore:
        """The keystore."""
        return Keystore(client_section(self.config, keystore=self.keystore).keystore)

    def password(self, *, new: bool = False) -> str:
        """The keystore's password (see ask_password)."""
        return ask_password(self.password_file, new=new)


NO_OPTIONS = KeystoreOptions()


def ask_password(file: Path | None, *, new: bool = False) -> str:
    """The keystore's password; a new one typed on the terminal is asked for twice.

    Raises Usage if it is empty, differs the second time, or there is nobody to ask.
    """
    if file is not None:
        return _checked(read_first_line(file), str(file))
    if ENVIRONMENT in os.environ:
        return _checked(os.environ[ENVIRONMENT], ENVIRONMENT)
    if not sys.stdin.isatty():
        raise Usage(
            f"a password is needed: give --password-file or set {ENVIRONMENT}",
            field="password",
        )
    password = _checked(getpass("Password: ", sys.stderr), "password")
    if new and getpass("The same again: ", sys.stderr) != password:
        raise Usage("the two passwords differ; nothing was written", field="password")
    return password


def read_first_line(file: Path) -> str:
    """The first line of a short text file, without its line end."""
    content = read_bounded(file, MAX_PASSWORD_BYTES)
    try:
        return content.decode().split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise Usage("not a text file in UTF-8", field=str(file)) from None


def _checked(password: str, source: str) -> str:
    if not password:
        raise Usage("the password is empty", field=source)
    return password
