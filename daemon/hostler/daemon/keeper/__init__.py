"""The keeper: the small process that is the parent of everything the daemon runs.

May import the standard library alone. Begin with `process`, the keeper's own loop: it runs under
`python -I -S`, so nothing that it imports may be heavy. `launching.keeper_child` is the daemon's
side. The two exchange JSON packets over a SOCK_SEQPACKET pair (`link`).

Orders, from the daemon:

    spawn   id; with four descriptors: the order's body (a memfd), control, stdout, stderr
    adopt   pid, owner: assign a process, which one of the keeper's has forked, to the owner
    signal  pid, signal, group: to a process that was spawned or adopted, or to its group
    end     id, owner: kill everything that belongs to the owner
    stop    kill everything, then exit

Reports, from the keeper:

    ready
    started  id, pid
    failed   id, stage, errno: the process could not be made
    exited   pid, status, owner: for every child that was reaped; owner is null where it was not
             spawned or adopted
    missing  pid: the process to adopt is not below the keeper; if it ever was, its exit was
             reported before
    ended    id
"""
