"""What all tests need."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has its background jobs ignore SIGINT; the commands that a test starts and interrupts
    # would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
