"""The script that starts the interpreter of a location: bootstrap.py DESCRIPTOR.

It parses on any Python, so that it can say that a Python is too old. It is `__main__` of the user's
process, and multiprocessing's spawn imports it again in its children, hence the guard.
"""

import os
import sys


def main():
    # type: () -> None
    if sys.version_info < (3, 8):
        sys.stderr.write(
            "cannot host a location on Python %s (%s): hostler needs 3.8 or later\n"
            % (sys.version.split()[0], sys.executable)
        )
        sys.exit(78)  # EX_CONFIG
    descriptor = int(sys.argv[1])
    own_folder = __file__.rpartition("/")[0]
    if sys.path and sys.path[0] == own_folder:
        del sys.path[0]  # else `import process` in the user's code would find hostler's
    del sys.argv[1:]

    # the runtime folder is the daemon's own: its compiled code is kept there, also where the
    # user's environment asks for none, or each start would compile for some 50 ms
    dont_write_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = False
    at_start, path = list(sys.modules), sys.path[:]
    hide_users_folders(own_folder.rpartition("/hostler/")[0])
    try:
        import hostler.definitions  # noqa: F401 (every target imports it)
        from hostler.host import process, standard  # only a Python that is new enough can read it
    except ImportError:
        refuse_foreign_package()
        raise
    standard.install(at_start)
    sys.path[:] = path
    sys.dont_write_bytecode = dont_write_bytecode
    process.main(descriptor)


def hide_users_folders(runtime):
    # type: (str) -> None
    """Takes from sys.path what a PYTHONPATH puts before the standard library, but for our own.

    A folder of the user's may hold a socket.py or a json.py.
    """
    library = os.path.dirname(os.__file__)
    if library in sys.path:
        first = sys.path.index(library)
        if first and sys.path[first - 1].endswith(".zip"):  # the standard library's, too
            first -= 1
        sys.path[:first] = [runtime]


def refuse_foreign_package():
    # type: () -> None
    """Exits where a regular package of the same name stands before the portions of ours."""
    foreign = getattr(sys.modules.get("hostler"), "__file__", None)
    if foreign is None:
        return
    sys.stderr.write(
        "cannot host a location with %s: its package hostler (%s) hides the modules of this "
        "hostler, which share that name; uninstall it\n" % (sys.executable, foreign)
    )
    sys.exit(78)  # EX_CONFIG


if __name__ == "__main__":
    main()
