"""The states of a location, as two tables (regions) that hear the same events.

The load region follows the newest code: whether it is being loaded, serves, or has failed. The
serving region follows the process of the last good generation: if that process dies, the region
starts another one from the sources that the generation was loaded from, whatever the load region
does.
"""

from enum import Enum

from hostler.daemon.state.rules import InState, Rule, Table


class Load(Enum):
    """The states of the load region: what has become of the newest code."""

    STOPPED = "stopped"
    LOADING = "loading"
    #: Loading, and a file that the load may have read has changed since.
    OUTDATED = "outdated"
    #: Many files change at once, as in a checkout; the load waits for a quiet period.
    DEBOUNCING = "debouncing"
    #: The newest code serves.
    CURRENT = "current"
    #: The load failed; the failure is held back, since the load may have read half of a save.
    HELD = "held"
    #: The load failed for a reason that may pass; a retry waits.
    BACKOFF = "back-off"
    #: The load failed for a reason that only an edit can remove.
    FAILED = "failed"


class Serving(Enum):
    """The states of the serving region: what has become of the last good generation's process."""

    #: There is no good generation.
    NONE = "none"
    UP = "up"
    #: It does not answer pings; it is kept until its successor is ready.
    REPLACING = "replacing"
    #: It serves, but its workers and runs cannot be forks of it; one that may be forked is on its
    #: way.
    RENEWING = "renewing"
    #: It is dead; a successor loads the same sources.
    REVIVING = "reviving"
    #: It died too soon, or its successor failed; the next try waits.
    LAPSED = "lapsed"
    #: A restart ended it; the load that the restart ordered will bring another process.
    AWAITING = "awaiting"


class LocationEvent(Enum):
    # Orders of the user
    START = "start"
    STOP = "stop"
    RELOAD = "reload"
    RESTART = "restart"
    # From the watched files
    CHANGED = "changed"
    #: Many files changed in a short time: a load that read some of them is of no use.
    FLOODED = "flooded"
    #: No file has changed for the quiet period, or the load has waited for long enough.
    QUIET = "quiet"
    #: An outdated load has had as much time as a good one takes.
    PATIENCE_OVER = "patience over"
    # From the process that loads
    LOADED = "loaded"
    FAILED = "failed"
    #: The process was a fork, and a new interpreter has to load the code instead.
    UNFIT = "unfit"
    #: The hold is over, and the reason of the failure may pass.
    HOLD_OVER = "hold over"
    #: The hold is over, and only an edit can remove the reason of the failure.
    HOLD_OVER_FOR_GOOD = "hold over for good"
    RETRY_DUE = "retry due"
    # From the process that serves, and from its successor
    DIED = "died"
    DIED_EARLY = "died early"
    UNHEALTHY = "unhealthy"
    REVIVED = "revived"
    REVIVAL_FAILED = "revival failed"
    #: As UNFIT, for the successor.
    REVIVAL_UNFIT = "revival unfit"
    REVIVAL_DUE = "revival due"
    #: The process that serves is a new interpreter that is no parent of forks, and the template of
    #: its environment is there by now.
    TEMPLATE_READY = "template ready"
    #: The keeper has died, and every process with it.
    KEEPER_LOST = "keeper lost"


class LocationEffect(Enum):
    LOAD = "load"
    ABORT_LOAD = "abort the load"
    PROMOTE = "promote"
    ARM_PATIENCE = "arm patience"
    ARM_QUIET_TIMER = "arm the quiet timer"
    ARM_HOLD = "arm the hold"
    SHOW_FAILURE = "show the failure"
    FORGET_FAILURE = "forget the failure"
    ARM_RETRY = "arm the retry"
    RESET_BACKOFF = "reset the back-off"
    REVIVE = "revive"
    ABORT_REVIVAL = "abort the revival"
    ADOPT_REVIVED = "adopt the revived"
    ARM_REVIVAL = "arm the revival"
    DISARM_REVIVAL = "disarm the revival"
    END_SERVING = "end the serving process"
    FORGET_GENERATION = "forget the generation"
    #: Tells clients of the change, after all other effects.
    NOTIFY = "notify"
    #: Tells clients of the change a moment later, so that the process is ordered first: to tell
    #: them takes 1 ms.
    NOTIFY_SOON = "notify soon"


_L, _S, _E, _F = Load, Serving, LocationEvent, LocationEffect

# Effects that begin a load.
_LOAD = (_F.LOAD, _F.NOTIFY_SOON)
_LOAD_ANEW = (_F.ABORT_LOAD, *_LOAD)
_LOAD_NOW = (_F.RESET_BACKOFF, *_LOAD)
_LOAD_ANEW_NOW = (_F.RESET_BACKOFF, *_LOAD_ANEW)

# Effects that give a load up.
_WAIT_FOR_QUIET = (_F.ABORT_LOAD, _F.ARM_QUIET_TIMER)
_GIVE_UP = (_F.ABORT_LOAD, _F.FORGET_FAILURE, _F.NOTIFY)
_FORGET_FAILURE = (_F.FORGET_FAILURE, _F.NOTIFY)

# A timer that was disarmed, or a report of an aborted load, may still come a moment later.
_LATE_TIMERS = frozenset(
    {_E.PATIENCE_OVER, _E.QUIET, _E.HOLD_OVER, _E.HOLD_OVER_FOR_GOOD, _E.RETRY_DUE}
)
_LATE_REPORTS = frozenset({_E.LOADED, _E.FAILED, _E.UNFIT, _E.KEEPER_LOST})

LOAD: Table[Load, LocationEvent, LocationEffect] = Table(
    name="Location: load",
    initial=_L.STOPPED,
    hears=frozenset(
        {
            *(_E.START, _E.STOP, _E.RELOAD, _E.RESTART),
            *(_E.CHANGED, _E.FLOODED, _E.QUIET),
            *(_E.LOADED, _E.FAILED, _E.UNFIT, _E.KEEPER_LOST),
            *(_E.PATIENCE_OVER, _E.HOLD_OVER, _E.HOLD_OVER_FOR_GOOD, _E.RETRY_DUE),
        }
    ),
    states={
        _L.STOPPED: InState(
            {_E.START: Rule(_L.LOADING, _LOAD_NOW)},
            # nothing but START starts it: who reloads all locations does not mean this one
            ignores={
                *(_E.STOP, _E.RELOAD, _E.RESTART, _E.CHANGED, _E.FLOODED),
                *(*_LATE_REPORTS, *_LATE_TIMERS),
            },
        ),
        _L.LOADING: InState(
            {
                _E.STOP: Rule(_L.STOPPED, _GIVE_UP),
                _E.RELOAD: Rule(_L.LOADING, _LOAD_ANEW),
                _E.RESTART: Rule(_L.LOADING, _LOAD_ANEW_NOW),
                _E.CHANGED: Rule(_L.OUTDATED, (_F.ARM_PATIENCE, _F.NOTIFY)),
                _E.FLOODED: Rule(_L.DEBOUNCING, _WAIT_FOR_QUIET),
                _E.LOADED: Rule(_L.CURRENT, (_F.PROMOTE, _F.NOTIFY)),
                # the load may have read half of a save: the failure is not shown yet
                _E.FAILED: Rule(_L.HELD, (_F.ARM_HOLD,)),
                _E.UNFIT: Rule(_L.LOADING, _LOAD),
                _E.KEEPER_LOST: Rule(_L.LOADING, _LOAD_ANEW),
            },
            ignores={_E.START, *_LATE_TIMERS},
        ),
        _L.OUTDATED: InState(
            {
                _E.STOP: Rule(_L.STOPPED, _GIVE_UP),
                _E.RELOAD: Rule(_L.LOADING, _LOAD_ANEW),
                _E.RESTART: Rule(_L.LOADING, _LOAD_ANEW_NOW),
                _E.FLOODED: Rule(_L.DEBOUNCING, _WAIT_FOR_QUIET),
                _E.PATIENCE_OVER: Rule(_L.LOADING, _LOAD_ANEW),
                # the load has read a good state of the files, if not the newest one
                _E.LOADED: Rule(_L.LOADING, (_F.PROMOTE, *_LOAD)),
                # the failure of half a save is not shown
                _E.FAILED: Rule(_L.LOADING, _LOAD),
                _E.UNFIT: Rule(_L.LOADING, _LOAD),
                _E.KEEPER_LOST: Rule(_L.LOADING, _LOAD_ANEW),
            },
            ignores={
                *(_E.START, _E.CHANGED),
                *(_E.QUIET, _E.HOLD_OVER, _E.HOLD_OVER_FOR_GOOD, _E.RETRY_DUE),
            },
        ),
        _L.DEBOUNCING: InState(
            {
                _E.STOP: Rule(_L.STOPPED, _GIVE_UP),
                _E.RELOAD: Rule(_L.LOADING, _LOAD),
                _E.RESTART: Rule(_L.LOADING, _LOAD_NOW),
                _E.CHANGED: Rule(_L.DEBOUNCING, (_F.ARM_QUIET_TIMER,)),
                _E.FLOODED: Rule(_L.DEBOUNCING, (_F.ARM_QUIET_TIMER,)),
                _E.QUIET: Rule(_L.LOADING, _LOAD),
            },
            ignores={
                *(_E.START, *_LATE_REPORTS),
                *(_E.PATIENCE_OVER, _E.HOLD_OVER, _E.HOLD_OVER_FOR_GOOD, _E.RETRY_DUE),
            },
        ),
        _L.CURRENT: InState(
            {
                _E.STOP: Rule(_L.STOPPED, (_F.NOTIFY,)),
                _E.RELOAD: Rule(_L.LOADING, _LOAD),
                _E.RESTART: Rule(_L.LOADING, _LOAD_NOW),
                _E.CHANGED: Rule(_L.LOADING, _LOAD),
                _E.FLOODED: Rule(_L.LOADING, _LOAD),
            },
            ignores={_E.START, *_LATE_REPORTS, *_LATE_TIMERS},
        ),
        _L.HELD: InState(
            {
                _E.STOP: Rule(_L.STOPPED, _GIVE_UP),
                _E.RELOAD: Rule(_L.LOADING, _LOAD_NOW),
                _E.RESTART: Rule(_L.LOADING, _LOAD_NOW),
                _E.CHANGED: Rule(_L.LOADING, _LOAD_NOW),
                _E.FLOODED: Rule(_L.DEBOUNCING, (_F.RESET_BACKOFF, _F.ARM_QUIET_TIMER)),
                _E.HOLD_OVER: Rule(_L.BACKOFF, (_F.SHOW_FAILURE, _F.ARM_RETRY, _F.NOTIFY)),
                _E.HOLD_OVER_FOR_GOOD: Rule(_L.FAILED, (_F.SHOW_FAILURE, _F.NOTIFY)),
            },
            ignores={
                *(_E.START, *_LATE_REPORTS),
                *(_E.PATIENCE_OVER, _E.QUIET, _E.RETRY_DUE),
            },
        ),
        _L.BACKOFF: InState(
            {
                _E.START: Rule(_L.LOADING, _LOAD_NOW),
                _E.STOP: Rule(_L.STOPPED, _FORGET_FAILURE),
                _E.RELOAD: Rule(_L.LOADING, _LOAD_NOW),
                _E.RESTART: Rule(_L.LOADING, _LOAD_NOW),
                _E.CHANGED: Rule(_L.LOADING, _LOAD_NOW),
                _E.FLOODED: Rule(_L.LOADING, _LOAD_NOW),
                _E.RETRY_DUE: Rule(_L.LOADING, _LOAD),
            },
            ignores={
                *_LATE_REPORTS,
                *(_E.PATIENCE_OVER, _E.QUIET, _E.HOLD_OVER, _E.HOLD_OVER_FOR_GOOD),
            },
        ),
        _L.FAILED: InState(
            {
                _E.START: Rule(_L.LOADING, _LOAD_NOW),
                _E.STOP: Rule(_L.STOPPED, _FORGET_FAILURE),
                _E.RELOAD: Rule(_L.LOADING, _LOAD_NOW),
                _E.RESTART: Rule(_L.LOADING, _LOAD_NOW),
                _E.CHANGED: Rule(_L.LOADING, _LOAD_NOW),
                _E.FLOODED: Rule(_L.LOADING, _LOAD_NOW),
            },
            ignores={*_LATE_REPORTS, *_LATE_TIMERS},
        ),
    },
)

# Effects that start a successor of the process that served.
_REVIVE = (_F.REVIVE, _F.NOTIFY_SOON)
_REVIVE_ANEW = (_F.ABORT_REVIVAL, *_REVIVE)
_FORGET = (_F.FORGET_GENERATION, _F.NOTIFY)

# A report of an aborted process, or a disarmed timer, may still come a moment later.
_LATE_REVIVAL = frozenset({_E.REVIVED, _E.REVIVAL_FAILED, _E.REVIVAL_UNFIT})
_LATE_PROCESS = frozenset({_E.DIED, _E.DIED_EARLY, _E.UNHEALTHY})

SERVING: Table[Serving, LocationEvent, LocationEffect] = Table(
    name="Location: serving",
    initial=_S.NONE,
    hears=frozenset(
        {
            *(_E.STOP, _E.RESTART, _E.LOADED, _E.FAILED, _E.KEEPER_LOST),
            *(_E.DIED, _E.DIED_EARLY, _E.UNHEALTHY),
            *(_E.REVIVED, _E.REVIVAL_FAILED, _E.REVIVAL_UNFIT, _E.REVIVAL_DUE),
            _E.TEMPLATE_READY,
        }
    ),
    states={
        _S.NONE: InState(
            {_E.LOADED: Rule(_S.UP)},
            ignores={
                *(_E.STOP, _E.RESTART, _E.FAILED, _E.KEEPER_LOST, _E.REVIVAL_DUE),
                _E.TEMPLATE_READY,
                *_LATE_PROCESS,
                *_LATE_REVIVAL,
            },
        ),
        _S.UP: InState(
            {
                _E.STOP: Rule(_S.NONE, (_F.END_SERVING, *_FORGET)),
                _E.RESTART: Rule(_S.AWAITING, (_F.END_SERVING, _F.NOTIFY)),
                _E.LOADED: Rule(_S.UP),
                _E.DIED: Rule(_S.REVIVING, _REVIVE),
                _E.DIED_EARLY: Rule(_S.LAPSED, (_F.ARM_REVIVAL, _F.NOTIFY)),
                _E.UNHEALTHY: Rule(_S.REPLACING, _REVIVE),
                _E.TEMPLATE_READY: Rule(_S.RENEWING, _REVIVE),
                _E.KEEPER_LOST: Rule(_S.REVIVING, _REVIVE),
            },
            ignores={_E.FAILED, _E.REVIVAL_DUE, *_LATE_REVIVAL},
        ),
        _S.RENEWING: InState(
            {
                _E.STOP: Rule(_S.NONE, (_F.ABORT_REVIVAL, _F.END_SERVING, *_FORGET)),
                _E.RESTART: Rule(_S.AWAITING, (_F.ABORT_REVIVAL, _F.END_SERVING, _F.NOTIFY)),
                _E.LOADED: Rule(_S.UP, (_F.ABORT_REVIVAL, _F.NOTIFY)),
                _E.DIED: Rule(_S.REVIVING, (_F.NOTIFY,)),
                _E.DIED_EARLY: Rule(_S.REVIVING, (_F.NOTIFY,)),
                _E.UNHEALTHY: Rule(_S.REPLACING, (_F.NOTIFY,)),
                _E.REVIVED: Rule(_S.UP, (_F.END_SERVING, _F.ADOPT_REVIVED, _F.NOTIFY)),
                # what serves is as good as it was
                _E.REVIVAL_FAILED: Rule(_S.UP, (_F.NOTIFY,)),
                _E.REVIVAL_UNFIT: Rule(_S.UP, (_F.NOTIFY,)),
                _E.KEEPER_LOST: Rule(_S.REVIVING, _REVIVE_ANEW),
            },
            ignores={_E.FAILED, _E.REVIVAL_DUE, _E.TEMPLATE_READY},
        ),
        _S.REPLACING: InState(
            {
                _E.STOP: Rule(_S.NONE, (_F.ABORT_REVIVAL, _F.END_SERVING, *_FORGET)),
                _E.RESTART: Rule(_S.AWAITING, (_F.ABORT_REVIVAL, _F.END_SERVING, _F.NOTIFY)),
                _E.LOADED: Rule(_S.UP, (_F.ABORT_REVIVAL, _F.NOTIFY)),
                _E.DIED: Rule(_S.REVIVING, (_F.NOTIFY,)),
                _E.DIED_EARLY: Rule(_S.REVIVING, (_F.NOTIFY,)),
                _E.REVIVED: Rule(_S.UP, (_F.END_SERVING, _F.ADOPT_REVIVED, _F.NOTIFY)),
                _E.REVIVAL_FAILED: Rule(_S.LAPSED, (_F.END_SERVING, _F.ARM_REVIVAL, _F.NOTIFY)),
                _E.REVIVAL_UNFIT: Rule(_S.REPLACING, _REVIVE),
                _E.KEEPER_LOST: Rule(_S.REVIVING, _REVIVE_ANEW),
            },
            ignores={_E.FAILED, _E.UNHEALTHY, _E.REVIVAL_DUE, _E.TEMPLATE_READY},
        ),
        _S.REVIVING: InState(
            {
                _E.STOP: Rule(_S.NONE, (_F.ABORT_REVIVAL, *_FORGET)),
                _E.RESTART: Rule(_S.AWAITING, (_F.ABORT_REVIVAL, _F.NOTIFY)),
                _E.LOADED: Rule(_S.UP, (_F.ABORT_REVIVAL, _F.NOTIFY)),
                _E.REVIVED: Rule(_S.UP, (_F.ADOPT_REVIVED, _F.NOTIFY)),
                _E.REVIVAL_FAILED: Rule(_S.LAPSED, (_F.ARM_REVIVAL, _F.NOTIFY)),
                _E.REVIVAL_UNFIT: Rule(_S.REVIVING, _REVIVE),
                _E.KEEPER_LOST: Rule(_S.REVIVING, _REVIVE_ANEW),
            },
            ignores={_E.FAILED, _E.REVIVAL_DUE, _E.TEMPLATE_READY, *_LATE_PROCESS},
        ),
        _S.LAPSED: InState(
            {
                _E.STOP: Rule(_S.NONE, (_F.DISARM_REVIVAL, *_FORGET)),
                _E.RESTART: Rule(_S.AWAITING, (_F.DISARM_REVIVAL, _F.NOTIFY)),
                _E.LOADED: Rule(_S.UP, (_F.DISARM_REVIVAL, _F.NOTIFY)),
                _E.REVIVAL_DUE: Rule(_S.REVIVING, _REVIVE),
            },
            # there is no process that could have died with the keeper
            ignores={
                *(_E.FAILED, _E.KEEPER_LOST, _E.TEMPLATE_READY),
                *_LATE_PROCESS,
                *_LATE_REVIVAL,
            },
        ),
        _S.AWAITING: InState(
            {
                _E.STOP: Rule(_S.NONE, _FORGET),
                _E.LOADED: Rule(_S.UP),
                _E.FAILED: Rule(_S.REVIVING, _REVIVE),
            },
            ignores={
                *(_E.RESTART, _E.KEEPER_LOST, _E.REVIVAL_DUE, _E.TEMPLATE_READY),
                *_LATE_PROCESS,
                *_LATE_REVIVAL,
            },
        ),
    },
)


#: States in which the outcome of the newest load is not known, or not shown yet.
UNSETTLED = frozenset({Load.LOADING, Load.OUTDATED, Load.DEBOUNCING, Load.HELD})


class Status(Enum):
    """The states that `ps` shows; the names are those of hostler.v1.Location.State."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    READY = "READY"
    RELOADING = "RELOADING"
    BACKOFF = "BACKOFF"
    FAILED = "FAILED"
    STOPPING = "STOPPING"


def status(load: Load, serving: Serving, *, processes_left: bool) -> Status:
    """Returns the one state that `ps` shows for both regions.

    Args:
        processes_left: whether a process of the location has not ended yet.
    """
    if load is Load.STOPPED:
        return Status.STOPPING if processes_left else Status.STOPPED
    if load is Load.BACKOFF:
        return Status.BACKOFF
    if load is Load.FAILED:
        return Status.FAILED
    if load in UNSETTLED:
        return Status.STARTING if serving is Serving.NONE else Status.RELOADING
    if serving is Serving.LAPSED:
        return Status.BACKOFF
    if serving is Serving.REVIVING:
        return Status.RELOADING
    return Status.READY
