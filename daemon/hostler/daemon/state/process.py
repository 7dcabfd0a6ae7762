"""The life of one location process, as a table."""

from enum import Enum

from hostler.daemon.state.rules import InState, Rule, Table


class ProcessState(Enum):
    #: Ordered from the keeper; nobody has said hello us yet.
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
    HELLO_RECEIVED = "hello received"
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
    initial=_S.SPAWNED,
    hears=frozenset(ProcessEvent),
    states={
        _S.SPAWNED: InState(
            {
                _E.SPAWN_FAILED: Rule(
                    _S.DEAD, (_F.DISARM_LOAD_TIMER, _F.ANNOUNCE_FAILED, _F.RELEASE)
                ),
                _E.HELLO_RECEIVED: Rule(_S.LOADING, (_F.ORDER_LOAD,)),
                _E.OVERDUE: Rule(_S.DRAINING, (_F.ANNOUNCE_OVERDUE, _F.KILL)),
                _E.ABORT: Rule(_S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.KILL)),
                _E.EXITED: Rule(_S.DEAD, (_F.DISARM_LOAD_TIMER, _F.RELEASE, _F.ANNOUNCE_DIED)),
            },
            # no load has been ordered, and it does not serve yet
            ignores={
                *(_E.LOADED, _E.LOAD_FAILED, _E.UNFIT),
                *(_E.UNHEALTHY, _E.RETIRE, _E.DRAINED),
            },
        ),
        _S.LOADING: InState(
            {
                _E.LOADED: Rule(
                    _S.READY, (_F.DISARM_LOAD_TIMER, _F.START_PINGS, _F.ANNOUNCE_READY)
                ),
                _E.LOAD_FAILED: Rule(
                    _S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.ANNOUNCE_FAILED, _F.KILL)
                ),
                _E.UNFIT: Rule(_S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.ANNOUNCE_UNFIT, _F.KILL)),
                _E.OVERDUE: Rule(_S.DRAINING, (_F.ANNOUNCE_OVERDUE, _F.KILL)),
                _E.ABORT: Rule(_S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.KILL)),
                _E.EXITED: Rule(_S.DEAD, (_F.DISARM_LOAD_TIMER, _F.RELEASE, _F.ANNOUNCE_DIED)),
            },
            # it runs already, and it does not serve yet
            ignores={_E.SPAWN_FAILED, _E.HELLO_RECEIVED, _E.UNHEALTHY, _E.RETIRE, _E.DRAINED},
        ),
        _S.READY: InState(
            {
                _E.UNHEALTHY: Rule(_S.READY, (_F.ANNOUNCE_UNHEALTHY,)),
                _E.RETIRE: Rule(_S.DRAINING, (_F.STOP_PINGS, _F.AWAIT_CALLS)),
                _E.ABORT: Rule(_S.DRAINING, (_F.STOP_PINGS, _F.TERMINATE)),
                _E.EXITED: Rule(_S.DEAD, (_F.STOP_PINGS, _F.RELEASE, _F.ANNOUNCE_DIED)),
            },
            # the load is over
            ignores={
                *(_E.SPAWN_FAILED, _E.HELLO_RECEIVED, _E.LOADED, _E.LOAD_FAILED),
                *(_E.OVERDUE, _E.UNFIT, _E.DRAINED),
            },
        ),
        _S.DRAINING: InState(
            {
                _E.DRAINED: Rule(_S.DRAINING, (_F.TERMINATE,)),
                _E.ABORT: Rule(_S.DRAINING, (_F.TERMINATE,)),
                _E.EXITED: Rule(_S.DEAD, (_F.RELEASE,)),
                _E.SPAWN_FAILED: Rule(_S.DEAD, (_F.RELEASE,)),
            },
            # nobody waits for it any more
            ignores={
                *(_E.HELLO_RECEIVED, _E.LOADED, _E.LOAD_FAILED, _E.OVERDUE),
                *(_E.UNFIT, _E.UNHEALTHY, _E.RETIRE),
            },
        ),
        _S.DEAD: InState({}, ignores=frozenset(ProcessEvent)),
    },
)
