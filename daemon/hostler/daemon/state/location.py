"""The life of a location, as a table with two regions that hear the same events.

The load region follows the newest code: is it being loaded, does it serve, why not. The serving
region follows the process of the last good generation: whatever the load region does, a good
generation that has lost its process gets another one, from the sources that it was loaded from.
"""

from enum import Enum

from hostler.daemon.state.rules import Rule, Table


class Load(Enum):
    """Where the newest code stands."""

    STOPPED = "stopped"
    LOADING = "loading"
    #: Loading, and a file that it may have read has changed since.
    OUTDATED = "outdated"
    #: Many files are being changed, by a checkout say; the load waits until they rest.
    SETTLING = "settling"
    #: The newest code serves.
    CURRENT = "current"
    #: The load failed; that is not told yet, since it may have read half of a save.
    HELD = "held"
    #: The load failed in a way that may mend itself.
    BACKOFF = "back-off"
    #: The load failed in a way that only an edit mends.
    FAILED = "failed"


class Serving(Enum):
    """Where the process of the last good generation stands."""

    #: There is no good generation.
    NONE = "none"
    UP = "up"
    #: It does not answer pings; another one is on its way, and it is kept until then.
    REPLACING = "replacing"
    #: It is dead, another one is on its way.
    REVIVING = "reviving"
    #: It died too soon, or could not be revived; the next try waits.
    LAPSED = "lapsed"
    #: It was ended on request, and the load that was ordered with it will bring another.
    AWAITING = "awaiting"


class LocationEvent(Enum):
    # Orders
    START = "start"
    STOP = "stop"
    RELOAD = "reload"
    RESTART = "restart"
    # Of the files
    CHANGED = "changed"
    #: Many files, one after the other: a load that reads some of them is of no use.
    FLOODED = "flooded"
    #: None has changed for a moment, or that has been waited for long enough.
    RESTED = "rested"
    #: An outdated load has had the time that a good one takes.
    PATIENCE_OVER = "patience over"
    # Of the load
    LOADED = "loaded"
    FAILED = "failed"
    #: A fork would not do, or has failed as a new interpreter may not.
    UNFIT = "unfit"
    #: The hold is over, and the failure may mend itself.
    HOLD_OVER = "hold over"
    #: The hold is over, and only an edit mends the failure.
    HOLD_OVER_FOR_GOOD = "hold over for good"
    RETRY_DUE = "retry due"
    # Of the serving process
    DIED = "died"
    DIED_EARLY = "died early"
    UNHEALTHY = "unhealthy"
    REVIVED = "revived"
    REVIVAL_FAILED = "revival failed"
    #: As UNFIT, of a process that is to take the place of a dead one.
    REVIVAL_UNFIT = "revival unfit"
    REVIVAL_DUE = "revival due"
    #: The keeper is gone and every process with it.
    KEEPER_LOST = "keeper lost"


class LocationEffect(Enum):
    LOAD = "load"
    ABORT_LOAD = "abort the load"
    PROMOTE = "promote"
    ARM_PATIENCE = "arm patience"
    ARM_REST = "arm the rest"
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


_L, _S, _E, _F = Load, Serving, LocationEvent, LocationEffect

_LOAD_ANEW = (_F.ABORT_LOAD, _F.LOAD)
_TRY_NOW = (_F.RESET_BACKOFF, _F.LOAD)
_SETTLE = (_F.ABORT_LOAD, _F.ARM_REST)
_GIVE_UP = (_F.ABORT_LOAD, _F.FORGET_FAILURE)

_STARTED = tuple(state for state in Load if state is not Load.STOPPED)

LOAD: Table[Load, LocationEvent, LocationEffect] = Table(
    name="Location: load",
    initial=Load.STOPPED,
    rules={
        (_L.STOPPED, _E.START): Rule(_L.LOADING, (_F.RESET_BACKOFF, _F.LOAD)),
        (_L.STOPPED, _E.RELOAD): Rule(_L.LOADING, (_F.RESET_BACKOFF, _F.LOAD)),
        (_L.STOPPED, _E.RESTART): Rule(_L.LOADING, (_F.RESET_BACKOFF, _F.LOAD)),
        (_L.LOADING, _E.STOP): Rule(_L.STOPPED, _GIVE_UP),
        (_L.LOADING, _E.RELOAD): Rule(_L.LOADING, _LOAD_ANEW),
        (_L.LOADING, _E.RESTART): Rule(_L.LOADING, (_F.RESET_BACKOFF, *_LOAD_ANEW)),
        (_L.LOADING, _E.CHANGED): Rule(_L.OUTDATED, (_F.ARM_PATIENCE,)),
        (_L.LOADING, _E.FLOODED): Rule(_L.SETTLING, _SETTLE),
        (_L.LOADING, _E.LOADED): Rule(_L.CURRENT, (_F.PROMOTE,)),
        (_L.LOADING, _E.FAILED): Rule(_L.HELD, (_F.ARM_HOLD,)),
        (_L.LOADING, _E.UNFIT): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.LOADING, _E.KEEPER_LOST): Rule(_L.LOADING, _LOAD_ANEW),
        (_L.OUTDATED, _E.STOP): Rule(_L.STOPPED, _GIVE_UP),
        (_L.OUTDATED, _E.RELOAD): Rule(_L.LOADING, _LOAD_ANEW),
        (_L.OUTDATED, _E.RESTART): Rule(_L.LOADING, (_F.RESET_BACKOFF, *_LOAD_ANEW)),
        (_L.OUTDATED, _E.FLOODED): Rule(_L.SETTLING, _SETTLE),
        (_L.OUTDATED, _E.PATIENCE_OVER): Rule(_L.LOADING, _LOAD_ANEW),
        # what was read is a good state of the files, if not the newest: better than an older one
        (_L.OUTDATED, _E.LOADED): Rule(_L.LOADING, (_F.PROMOTE, _F.LOAD)),
        # half of a save is no news
        (_L.OUTDATED, _E.FAILED): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.OUTDATED, _E.UNFIT): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.OUTDATED, _E.KEEPER_LOST): Rule(_L.LOADING, _LOAD_ANEW),
        (_L.SETTLING, _E.STOP): Rule(_L.STOPPED, _GIVE_UP),
        (_L.SETTLING, _E.RELOAD): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.SETTLING, _E.RESTART): Rule(_L.LOADING, _TRY_NOW),
        (_L.SETTLING, _E.CHANGED): Rule(_L.SETTLING, (_F.ARM_REST,)),
        (_L.SETTLING, _E.FLOODED): Rule(_L.SETTLING, (_F.ARM_REST,)),
        (_L.SETTLING, _E.RESTED): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.CURRENT, _E.STOP): Rule(_L.STOPPED),
        (_L.CURRENT, _E.RELOAD): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.CURRENT, _E.RESTART): Rule(_L.LOADING, (_F.RESET_BACKOFF, _F.LOAD)),
        (_L.CURRENT, _E.CHANGED): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.CURRENT, _E.FLOODED): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.HELD, _E.HOLD_OVER): Rule(_L.BACKOFF, (_F.SHOW_FAILURE, _F.ARM_RETRY)),
        (_L.HELD, _E.HOLD_OVER_FOR_GOOD): Rule(_L.FAILED, (_F.SHOW_FAILURE,)),
        (_L.HELD, _E.STOP): Rule(_L.STOPPED, _GIVE_UP),
        (_L.HELD, _E.RELOAD): Rule(_L.LOADING, _TRY_NOW),
        (_L.HELD, _E.RESTART): Rule(_L.LOADING, _TRY_NOW),
        (_L.HELD, _E.CHANGED): Rule(_L.LOADING, _TRY_NOW),
        (_L.HELD, _E.FLOODED): Rule(_L.SETTLING, (_F.RESET_BACKOFF, _F.ARM_REST)),
        (_L.BACKOFF, _E.STOP): Rule(_L.STOPPED, (_F.FORGET_FAILURE,)),
        (_L.BACKOFF, _E.START): Rule(_L.LOADING, _TRY_NOW),
        (_L.BACKOFF, _E.RELOAD): Rule(_L.LOADING, _TRY_NOW),
        (_L.BACKOFF, _E.RESTART): Rule(_L.LOADING, _TRY_NOW),
        (_L.BACKOFF, _E.CHANGED): Rule(_L.LOADING, _TRY_NOW),
        (_L.BACKOFF, _E.FLOODED): Rule(_L.LOADING, _TRY_NOW),
        (_L.BACKOFF, _E.RETRY_DUE): Rule(_L.LOADING, (_F.LOAD,)),
        (_L.FAILED, _E.STOP): Rule(_L.STOPPED, (_F.FORGET_FAILURE,)),
        (_L.FAILED, _E.START): Rule(_L.LOADING, _TRY_NOW),
        (_L.FAILED, _E.RELOAD): Rule(_L.LOADING, _TRY_NOW),
        (_L.FAILED, _E.RESTART): Rule(_L.LOADING, _TRY_NOW),
        (_L.FAILED, _E.CHANGED): Rule(_L.LOADING, _TRY_NOW),
        (_L.FAILED, _E.FLOODED): Rule(_L.LOADING, _TRY_NOW),
    },
    ignored=frozenset(
        {
            # nothing runs and nothing is watched
            *((_L.STOPPED, e) for e in LocationEvent if e not in (_E.START, _E.RELOAD, _E.RESTART)),
            # it is started already, and waits for no timer
            *((s, _E.START) for s in _STARTED if s not in (_L.BACKOFF, _L.FAILED)),
            *((s, _E.RETRY_DUE) for s in _STARTED if s is not _L.BACKOFF),
            *((s, _E.PATIENCE_OVER) for s in _STARTED if s is not _L.OUTDATED),
            *((s, _E.RESTED) for s in _STARTED if s is not _L.SETTLING),
            *((s, _E.HOLD_OVER) for s in _STARTED if s is not _L.HELD),
            *((s, _E.HOLD_OVER_FOR_GOOD) for s in _STARTED if s is not _L.HELD),
            (_L.OUTDATED, _E.CHANGED),
            # the end of a load that was given up
            *(
                (s, e)
                for s in (_L.SETTLING, _L.CURRENT, _L.HELD, _L.BACKOFF, _L.FAILED)
                for e in (_E.LOADED, _E.FAILED, _E.UNFIT, _E.KEEPER_LOST)
            ),
            # the serving region's affair
            *(
                (s, e)
                for s in _STARTED
                for e in (
                    _E.DIED,
                    _E.DIED_EARLY,
                    _E.UNHEALTHY,
                    _E.REVIVED,
                    _E.REVIVAL_FAILED,
                    _E.REVIVAL_UNFIT,
                    _E.REVIVAL_DUE,
                )
            ),
        }
    ),
)

_FORGET = (_F.END_SERVING, _F.FORGET_GENERATION)

SERVING: Table[Serving, LocationEvent, LocationEffect] = Table(
    name="Location: serving",
    initial=Serving.NONE,
    rules={
        (_S.NONE, _E.LOADED): Rule(_S.UP),
        (_S.UP, _E.LOADED): Rule(_S.UP),
        (_S.UP, _E.DIED): Rule(_S.REVIVING, (_F.REVIVE,)),
        (_S.UP, _E.DIED_EARLY): Rule(_S.LAPSED, (_F.ARM_REVIVAL,)),
        (_S.UP, _E.UNHEALTHY): Rule(_S.REPLACING, (_F.REVIVE,)),
        (_S.UP, _E.RESTART): Rule(_S.AWAITING, (_F.END_SERVING,)),
        (_S.UP, _E.STOP): Rule(_S.NONE, _FORGET),
        (_S.UP, _E.KEEPER_LOST): Rule(_S.REVIVING, (_F.REVIVE,)),
        (_S.REPLACING, _E.LOADED): Rule(_S.UP, (_F.ABORT_REVIVAL,)),
        (_S.REPLACING, _E.DIED): Rule(_S.REVIVING),
        (_S.REPLACING, _E.DIED_EARLY): Rule(_S.REVIVING),
        (_S.REPLACING, _E.REVIVED): Rule(_S.UP, (_F.END_SERVING, _F.ADOPT_REVIVED)),
        (_S.REPLACING, _E.REVIVAL_FAILED): Rule(_S.LAPSED, (_F.END_SERVING, _F.ARM_REVIVAL)),
        (_S.REPLACING, _E.REVIVAL_UNFIT): Rule(_S.REPLACING, (_F.REVIVE,)),
        (_S.REPLACING, _E.RESTART): Rule(_S.AWAITING, (_F.ABORT_REVIVAL, _F.END_SERVING)),
        (_S.REPLACING, _E.STOP): Rule(_S.NONE, (_F.ABORT_REVIVAL, *_FORGET)),
        (_S.REPLACING, _E.KEEPER_LOST): Rule(_S.REVIVING, (_F.ABORT_REVIVAL, _F.REVIVE)),
        (_S.REVIVING, _E.LOADED): Rule(_S.UP, (_F.ABORT_REVIVAL,)),
        (_S.REVIVING, _E.REVIVED): Rule(_S.UP, (_F.ADOPT_REVIVED,)),
        (_S.REVIVING, _E.REVIVAL_FAILED): Rule(_S.LAPSED, (_F.ARM_REVIVAL,)),
        (_S.REVIVING, _E.REVIVAL_UNFIT): Rule(_S.REVIVING, (_F.REVIVE,)),
        (_S.REVIVING, _E.RESTART): Rule(_S.AWAITING, (_F.ABORT_REVIVAL,)),
        (_S.REVIVING, _E.STOP): Rule(_S.NONE, (_F.ABORT_REVIVAL, _F.FORGET_GENERATION)),
        (_S.REVIVING, _E.KEEPER_LOST): Rule(_S.REVIVING, (_F.ABORT_REVIVAL, _F.REVIVE)),
        (_S.LAPSED, _E.LOADED): Rule(_S.UP, (_F.DISARM_REVIVAL,)),
        (_S.LAPSED, _E.REVIVAL_DUE): Rule(_S.REVIVING, (_F.REVIVE,)),
        (_S.LAPSED, _E.RESTART): Rule(_S.AWAITING, (_F.DISARM_REVIVAL,)),
        (_S.LAPSED, _E.STOP): Rule(_S.NONE, (_F.DISARM_REVIVAL, _F.FORGET_GENERATION)),
        (_S.AWAITING, _E.LOADED): Rule(_S.UP),
        (_S.AWAITING, _E.FAILED): Rule(_S.REVIVING, (_F.REVIVE,)),
        (_S.AWAITING, _E.STOP): Rule(_S.NONE, (_F.FORGET_GENERATION,)),
    },
    ignored=frozenset(
        {
            *((_S.NONE, e) for e in LocationEvent if e is not _E.LOADED),
            # the load region's affair
            *(
                (s, e)
                for s in Serving
                for e in (
                    _E.START,
                    _E.RELOAD,
                    _E.CHANGED,
                    _E.FLOODED,
                    _E.RESTED,
                    _E.PATIENCE_OVER,
                    _E.UNFIT,
                    _E.HOLD_OVER,
                    _E.HOLD_OVER_FOR_GOOD,
                    _E.RETRY_DUE,
                )
            ),
            *((s, _E.FAILED) for s in (_S.UP, _S.REPLACING, _S.REVIVING, _S.LAPSED)),
            # late news of a process or of a timer that was given up
            *(
                (_S.UP, e)
                for e in (_E.REVIVED, _E.REVIVAL_FAILED, _E.REVIVAL_UNFIT, _E.REVIVAL_DUE)
            ),
            *((_S.REPLACING, e) for e in (_E.UNHEALTHY, _E.REVIVAL_DUE)),
            *((_S.REVIVING, e) for e in (_E.DIED, _E.DIED_EARLY, _E.UNHEALTHY, _E.REVIVAL_DUE)),
            *(
                (s, e)
                for s in (_S.LAPSED, _S.AWAITING)
                for e in (
                    _E.DIED,
                    _E.DIED_EARLY,
                    _E.UNHEALTHY,
                    _E.REVIVED,
                    _E.REVIVAL_FAILED,
                    _E.REVIVAL_UNFIT,
                )
            ),
            # what waits holds no process that the keeper could take with it
            *((s, _E.KEEPER_LOST) for s in (_S.LAPSED, _S.AWAITING)),
            (_S.AWAITING, _E.RESTART),
            (_S.AWAITING, _E.REVIVAL_DUE),
        }
    ),
)


#: What the newest code's load comes to is not known, or not told yet.
UNSETTLED = frozenset({Load.LOADING, Load.OUTDATED, Load.SETTLING, Load.HELD})


class Status(Enum):
    """What `ps` shows; the names are those of hostler.v1.Location.State."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    READY = "READY"
    RELOADING = "RELOADING"
    BACKOFF = "BACKOFF"
    FAILED = "FAILED"
    STOPPING = "STOPPING"


def status(load: Load, serving: Serving, *, processes_left: bool) -> Status:
    """The one word for both regions.

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
