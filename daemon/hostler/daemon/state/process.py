"""The states of a location process, as a table."""

from enum import Enum

from hostler.daemon.state.rules import InState, Rule, Table


class ProcessState(Enum):
    #: Ordered from the keeper, or forked; it has not said hello yet.
    SPAWNED = "spawned"
    #: The interpreter imports the user's modules.
    LOADING = "loading"
    #: It has described its definitions; it answers pings and forks.
    READY = "ready"
    #: Its calls end, or it was told to end.
    DRAINING = "draining"
    DEAD = "dead"


class ProcessEvent(Enum):
    #: The executable could not be started.
    SPAWN_FAILED = "spawn failed"
    HELLO_RECEIVED = "hello received"
    LOADED = "loaded"
    LOAD_FAILED = "load failed"
    #: It is a fork, and a new interpreter has to load the code instead.
    UNFIT = "unfit"
    #: The load timeout has passed.
    OVERDUE = "overdue"
    #: It left as many pings in a row unanswered as the location allows.
    UNHEALTHY = "unhealthy"
    #: Another process serves in its place; it may end its calls first.
    RETIRE = "retire"
    #: Its calls have ended, or their time is over.
    DRAINED = "drained"
    #: It has to end now.
    ABORT = "abort"
    #: The keeper has reported its exit status.
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
    #: Sends TERM, waits for the stop grace, and sends KILL to the process and its descendants.
    TERMINATE = "terminate"
    #: Sends KILL to the process and its descendants: while it loads, it needs no grace.
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
                # by itself: what the code has made before it failed is removed
                _E.LOAD_FAILED: Rule(
                    _S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.ANNOUNCE_FAILED, _F.TERMINATE)
                ),
                _E.UNFIT: Rule(_S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.ANNOUNCE_UNFIT, _F.KILL)),
                _E.OVERDUE: Rule(_S.DRAINING, (_F.ANNOUNCE_OVERDUE, _F.KILL)),
                _E.ABORT: Rule(_S.DRAINING, (_F.DISARM_LOAD_TIMER, _F.KILL)),
                _E.EXITED: Rule(_S.DEAD, (_F.DISARM_LOAD_TIMER, _F.RELEASE, _F.ANNOUNCE_DIED)),
            },
            # it runs already, and does not serve yet
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
            # nobody waits any more for what it says
            ignores={
                *(_E.HELLO_RECEIVED, _E.LOADED, _E.LOAD_FAILED, _E.OVERDUE),
                *(_E.UNFIT, _E.UNHEALTHY, _E.RETIRE),
            },
        ),
        _S.DEAD: InState({}, ignores=frozenset(ProcessEvent)),
    },
)
