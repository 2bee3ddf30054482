"""Results of ab, ApacheBench: a closed loop, from before it connects."""
