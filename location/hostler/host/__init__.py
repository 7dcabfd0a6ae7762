"""What runs in the interpreter of a location's environment: loads, describes, answers and runs.

Its modules by theme, each theme importing only those above it; begin at process.py. The package is
flat, since folders would cost each start of a location time.

    wire        wire (the daemon imports it, too), connection
    sources     code_cache, sources, source_lines, resources, loader, finder: the user's files
    process     interpreter, marks, imports, living, generators, standard, exit_handlers, fitness,
                forks, ending
    loading     own_package, errors, target, discovery, describe, loading, rehearsal
    template    template: imports ahead for the forks that load
    calls       calls: what a worker answers
    running     cancellation, step_parent, step_frames, step_child, steps, timed_calls, concurrency,
                execution, runs
    start       process: the loop that carries out orders; bootstrap: the script that starts it

A package with this file, unlike `hostler` itself: a folder without one would give way to the
`hostler.host` of another version that the user has installed.
"""
