"""The order of runs, the run loop, guards, bundles and resume."""
