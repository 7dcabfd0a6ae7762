"""For all tests."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts like this what runs in its background; every command that a test starts and
    # interrupts would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
