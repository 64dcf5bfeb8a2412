"""Files and folders, here and on object stores: read in ranges, written whole, locked, and never followed outside."""

from gifbench.storage.atomic_write import PARTIAL, atomic_write, file_sha256
from gifbench.storage.exclusive_lock import exclusive_lock, lock_file, process_started
from gifbench.storage.local_or_object_store import Folder
from gifbench.storage.safe_paths import check_name, open_regular

__all__ = [
    "PARTIAL",
    "Folder",
    "atomic_write",
    "check_name",
    "exclusive_lock",
    "file_sha256",
    "lock_file",
    "open_regular",
    "process_started",
]
