"""The life of one location process, as a table."""

from enum import Enum

from hostler.daemon.state.rules import Rule, Table


class ProcessState(Enum):
    #: Ordered from the keeper; nobody has greeted us yet.
    SPAWNED = "spawned"
    #: The interpreter imports the user's modules.
    LOADING = "loading"
    #: Definitions are described; it answers pings and forks.
    READY = "ready"
    #: It is on its way out.
    DRAINING = "draining"
    DEAD = "dead"


class ProcessEvent(Enum):
    #: The executable could not be started.
    SPAWN_FAILED = "spawn failed"
    GREETED = "greeted"
    LOADED = "loaded"
    LOAD_FAILED = "load failed"
    #: It is a fork, and the code that it has loaded is not for forks.
    UNFIT = "unfit"
    #: The load timeout has passed.
    OVERDUE = "overdue"
    #: As many pings in a row as the location allows went unanswered.
    UNHEALTHY = "unhealthy"
    #: Another process serves in its place; its calls may end.
    RETIRE = "retire"
    #: Its calls have ended, or have had their time.
    DRAINED = "drained"
    #: It is to end now.
    ABORT = "abort"
    #: The keeper has its exit status.
    EXITED = "exited"


class ProcessEffect(Enum):
    ORDER_LOAD = "order the load"
    DISARM_LOAD_TIMER = "disarm the load timer"
    START_PINGS = "start pings"
    STOP_PINGS = "stop pings"
    ANNOUNCE_READY = "announce ready"
    ANNOUNCE_FAILED = "announce the failure"
    ANNOUNCE_UNFIT = "announce that it is unfit"
    ANNOUNCE_OVERDUE = "announce overdue"
    ANNOUNCE_UNHEALTHY = "announce unhealthy"
    ANNOUNCE_DIED = "announce the death"
    AWAIT_CALLS = "await its calls"
    #: TERM, a grace, KILL to all that is the process's.
    TERMINATE = "terminate"
    #: KILL to all that is the process's: it holds nothing that is worth a grace.
    KILL = "kill"
    RELEASE = "release"


_S, _E, _F = ProcessState, ProcessEvent, ProcessEffect

TABLE: Table[ProcessState, ProcessEvent, ProcessEffect] = Table(
    name="Process",
    initial=ProcessState.SPAWNED,
    rules={
        (_S.SPAWNED, _E.SPAWN_FAILED): Rule(
            _S.DEAD, (_F.DISARM_LOAD_TIMER, _F.ANNOUNCE_FAILED, _F.RELEASE)
        ),
        (_S.SPAWNED, _E.GREETED): Rule(_S.LOADING, (_F.ORDER_LOAD,)),
        (_S.SPAWNED, _E.OVERDUE): Rule(_S.DRAINING, (_F.ANNOUNCE_OVERDUE, _F.KILL)),
        (_S.SPAWNED, _E.ABORT): Rule(_S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.KILL)),
        (_S.SPAWNED, _E.EXITED): Rule(
            _S.DEAD, (_F.DISARM_LOAD_TIMER, _F.RELEASE, _F.ANNOUNCE_DIED)
        ),
        (_S.LOADING, _E.LOADED): Rule(
            _S.READY, (_F.DISARM_LOAD_TIMER, _F.START_PINGS, _F.ANNOUNCE_READY)
        ),
        (_S.LOADING, _E.LOAD_FAILED): Rule(
            _S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.ANNOUNCE_FAILED, _F.KILL)
        ),
        (_S.LOADING, _E.UNFIT): Rule(
            _S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.ANNOUNCE_UNFIT, _F.KILL)
        ),
        (_S.LOADING, _E.OVERDUE): Rule(_S.DRAINING, (_F.ANNOUNCE_OVERDUE, _F.KILL)),
        (_S.LOADING, _E.ABORT): Rule(_S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.KILL)),
        (_S.LOADING, _E.EXITED): Rule(
            _S.DEAD, (_F.DISARM_LOAD_TIMER, _F.RELEASE, _F.ANNOUNCE_DIED)
        ),
        (_S.READY, _E.UNHEALTHY): Rule(_S.READY, (_F.ANNOUNCE_UNHEALTHY,)),
        (_S.READY, _E.RETIRE): Rule(_S.DRAINING, (_F.STOP_PINGS, _F.AWAIT_CALLS)),
        (_S.READY, _E.ABORT): Rule(_S.DRAINING, (_F.STOP_PINGS, _F.TERMINATE)),
        (_S.READY, _E.EXITED): Rule(_S.DEAD, (_F.STOP_PINGS, _F.RELEASE, _F.ANNOUNCE_DIED)),
        (_S.DRAINING, _E.DRAINED): Rule(_S.DRAINING, (_F.TERMINATE,)),
        (_S.DRAINING, _E.ABORT): Rule(_S.DRAINING, (_F.TERMINATE,)),
        (_S.DRAINING, _E.EXITED): Rule(_S.DEAD, (_F.RELEASE,)),
        (_S.DRAINING, _E.SPAWN_FAILED): Rule(_S.DEAD, (_F.RELEASE,)),
    },
    ignored=frozenset(
        {
            # No load has been ordered, or no process serves yet.
            *((_S.SPAWNED, e) for e in (_E.LOADED, _E.LOAD_FAILED, _E.UNFIT, _E.UNHEALTHY)),
            *((_S.SPAWNED, e) for e in (_E.RETIRE, _E.DRAINED)),
            *((_S.LOADING, e) for e in (_E.GREETED, _E.UNHEALTHY, _E.RETIRE, _E.DRAINED)),
            # It runs already.
            *((s, _E.SPAWN_FAILED) for s in (_S.LOADING, _S.READY)),
            # The load is over.
            *((_S.READY, e) for e in (_E.GREETED, _E.LOADED, _E.LOAD_FAILED, _E.OVERDUE)),
            *((_S.READY, e) for e in (_E.DRAINED, _E.UNFIT)),
            # What is on its way out, or dead, is nobody's any more.
            *((_S.DRAINING, e) for e in (_E.GREETED, _E.LOADED, _E.LOAD_FAILED, _E.OVERDUE)),
            *((_S.DRAINING, e) for e in (_E.UNFIT, _E.UNHEALTHY, _E.RETIRE)),
            *((_S.DEAD, e) for e in ProcessEvent),
        }
    ),
)
