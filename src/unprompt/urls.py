"""URLs, which fsspec opens: https://, s3://, gs://, hf:// and what else it knows.

Of most it needs a package more: aiohttp for https://, s3fs for s3://, gcsfs for gs://.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from unprompt.errors import MissingExtra, OptionError

_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_FOLDED: Final = re.compile(r"([a-z][a-z0-9+.-]+):[/\\]", re.IGNORECASE)
"""How a URL begins that went through pathlib; one letter is a drive of Windows."""


def is_url(path: str) -> bool:
    """Whether fsspec is asked for it.

    >>> is_url("s3://bucket/a.png"), is_url("C:/a.png")
    (True, False)
    """
    return _URL.match(path) is not None


def local_path(path: Path | str, flag: str) -> Path:
    """The path that a flag names; OptionError for a URL, of which pathlib would make a folder.

    >>> local_path("s3://bucket/head.safetensors", "--out")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    unprompt.errors.OptionError: --out is 's3://bucket/head.safetensors', a URL; expected a path of this machine: ...
    """
    if folded := _FOLDED.match(str(path)):
        url = f"{folded[1]}://{str(path)[folded.end() :].lstrip('/')}"
        raise OptionError(
            f"{flag} is {url!r}, a URL; expected a path of this machine: only evidence can lie in an object "
            "store, by --out of extract and --evidence"
        )
    return Path(path)


def open_filesystem(url: str, **options: Any) -> tuple[Any, str]:
    """The file system of a URL, as fsspec has it, and the URL's path there; MissingExtra when its package is absent."""
    from fsspec.core import url_to_fs

    try:
        found: tuple[Any, str] = url_to_fs(url, **options)
    except ImportError as error:
        raise MissingExtra(
            f"{url} needs a package that is not installed ({error}): pip install 'unprompt[urls]' for https:// and s3://"
        ) from error
    return found
