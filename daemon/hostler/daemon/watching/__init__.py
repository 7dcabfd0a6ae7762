"""Tells which of the files that the locations were loaded from have another content now."""

from hostler.daemon.watching.content import digest_of
from hostler.daemon.watching.watcher import Mode, OnChange, Watcher

__all__ = ["Mode", "OnChange", "Watcher", "digest_of"]
