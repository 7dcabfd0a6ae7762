"""The file that runs are recorded in: SQLite, its schema, and the migrations of older ones."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from hostler.daemon.runs.store import schedule_tables

#: Below the state folder.
FILE = "runs.db"

#: Seconds to wait for another program that has locked the file.
_BUSY_TIMEOUT = 10.0

#: Each migrates a file from the version that is its index to the next one. A released migration is
#: never edited; a change is a new one. An `id` is never used twice, so that events that are left of
#: a deleted run cannot become another run's. The indexes hold the columns that lists are filtered
#: by, so that only the rows of a page are read.
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
    # what the caller asked for, where the run is recorded with more: a serialized Run
    """
    ALTER TABLE runs ADD COLUMN asked BLOB;
    """,
    # a serialized Step each; `id` is the order in which they began
    """
    CREATE TABLE steps (
        run INTEGER NOT NULL,
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        message BLOB NOT NULL,
        PRIMARY KEY (run, id)
    ) WITHOUT ROWID;
    """,
    schedule_tables.SCHEMA,
    # how many events a row holds, of which `sequence` is the last one's: lines that came together
    """
    ALTER TABLE events ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
    """,
)


class StoreError(Exception):
    """The record of runs cannot be opened; the message says why and what to do."""


def connect(path: Path, *, synchronous: int, writes: bool) -> sqlite3.Connection:
    """Returns a connection to the file; the caller begins and ends transactions."""
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
            # of a new file; in an older one it counts from its first VACUUM on
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA journal_size_limit = 16000000")
        else:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_writing(path: Path, synchronous: int) -> sqlite3.Connection:
    """Returns the one connection that writes; an older schema is migrated.

    Raises:
        StoreError: the file is not SQLite's, has a later version, or cannot be written.
        OSError: the file cannot be made.
    """
    # a run config may hold a secret; SQLite gives the files beside this one the same mode
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
