"""The file that runs are recorded in: SQLite, its schema, and how an older one is brought up."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

#: Below the state folder.
FILE = "runs.db"

#: Somebody looks into the file with a tool of their own: they get this long, in seconds.
_BUSY_TIMEOUT = 10.0

#: Each brings a file from the version that is its index to the next one. They are never edited once
#: they were released; another one is added. `id` counts the runs and is never given twice, so that
#: what is left of a deleted run cannot become another's. The indexes hold what lists are filtered
#: by, so that no more rows are read than are shown.
MIGRATIONS = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        request_id TEXT UNIQUE,
        location TEXT NOT NULL,
        repository TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        state INTEGER NOT NULL,
        create_time INTEGER NOT NULL,
        message BLOB NOT NULL
    );
    CREATE INDEX runs_by_id ON runs (id, state, location, pipeline, repository, create_time);
    CREATE INDEX runs_by_state ON runs (state, id, location, pipeline, repository, create_time);
    CREATE INDEX runs_by_location ON runs (location, id, state, pipeline, repository, create_time);
    CREATE INDEX runs_by_pipeline ON runs (pipeline, id, state, location, repository, create_time);
    CREATE TABLE tags (
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        run INTEGER NOT NULL,
        PRIMARY KEY (key, value, run)
    ) WITHOUT ROWID;
    CREATE TABLE events (
        run INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        message BLOB NOT NULL,
        PRIMARY KEY (run, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE removals (run INTEGER PRIMARY KEY);
    """,
    # what was asked for, where the run is recorded with more: a Run
    """
    ALTER TABLE runs ADD COLUMN asked BLOB;
    """,
)


class StoreError(Exception):
    """The record of runs cannot be opened; the message says why and what to do."""


def connect(path: Path, *, synchronous: int, writes: bool) -> sqlite3.Connection:
    """A connection to the file; transactions are begun and ended by the caller."""
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )
    try:
        connection.execute(f"PRAGMA synchronous = {synchronous:d}")
        if writes:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA journal_size_limit = 16000000")
        else:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_writing(path: Path, synchronous: int) -> sqlite3.Connection:
    """The one connection that writes, with the schema brought up.

    Raises:
        StoreError: it is no such file, of a later version, or cannot be written.
        OSError: it cannot be made.
    """
    # a run config may hold a secret; what SQLite puts beside the file gets its mode
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    try:
        connection = connect(path, synchronous=synchronous, writes=True)
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from error
    try:
        _migrate(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise _unusable(path, str(error)) from error
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        reason = f"its schema is {version}, and this version of hostler knows {len(MIGRATIONS)}"
        raise _unusable(path, reason)
    for number in range(version, len(MIGRATIONS)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[number].split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _unusable(path: Path, reason: str) -> StoreError:
    return StoreError(
        f"cannot open the record of runs {path}: {reason}; "
        "move it away to begin a new one, or name another folder with --state"
    )
