"""What a set is made of: which of its files lie here, and whether the others can come.

A host is asked only if something must be downloaded, and for seconds: without a network
tfds itself tries for minutes. Importing this module imports neither TensorFlow nor
tfds.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from etils import epy

from collaborative.data.errors import DatasetError
from collaborative.system.errors import reason_of

with epy.lazy_imports():
    from tensorflow_datasets.core.download import resource

_HOSTS_TRIED, _HOST_TIMEOUT = 3, 5  # timeout in seconds


def absent_files(builder, manual: Path) -> dict[str, str]:
    """The registered downloads of a set of tfds that lie nowhere: {URL: file name}.

    A builder may register more than the set needs: what its other versions take.

    Args:
        builder: of tfds.
        manual: where files that were got by hand lie, under their own names. Others lie
            where tfds keeps downloads, under its names.
    """
    return {
        url: info.filename or url.rpartition("/")[2]
        for url, info in (builder.url_infos or {}).items()
        if not (info.filename and (manual / info.filename).is_file())
        and not is_kept(builder, url, info.checksum)
    }


def is_kept(builder, url: str, checksum: str | None = None) -> bool:
    """Whether a file lies where tfds keeps its downloads."""
    folder = Path(builder.data_dir_root) / "downloads"
    names = [resource.get_dl_fname(url, key) for key in (checksum, None)]
    return any(
        resource.is_locally_cached(place / name)
        for place in (folder / builder.name, folder)
        for name in names
    )


def ask_first(builder, ask):
    """Has a builder call `ask` with the URL before it downloads anything."""
    make = builder._make_download_manager

    def make_asking(**settings):
        manager = make(**settings)
        download = manager._download

        def asked(wanted):
            ask(wanted.url)
            return download(wanted)

        manager._download = asked
        return manager

    builder._make_download_manager = make_asking


def check_network(name: str, urls) -> None:
    """Fails within seconds, where tfds would try for minutes, if no host answers.

    Raises:
        DatasetError: with the reason of the first one.
    """
    by_host = {urlsplit(url).netloc: url for url in urls if url.startswith("http")}
    failure = None
    for host, url in list(by_host.items())[:_HOSTS_TRIED]:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=_HOST_TIMEOUT).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError as error:
            failure = failure or f"{host}: {reason_of(error)}"
    if failure:
        raise DatasetError(
            f"{name} cannot be downloaded, its host cannot be reached ({failure}): try "
            "again with a network, or copy a prepared set into --data_dir"
        )
