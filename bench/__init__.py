"""The figures of hostler, each beside what it is compared with; see docs/benchmarks.md."""
