"""Benchmark suites, probes and reports. Nothing is here yet but the place for it."""
