"""Parts of benchmarks/serving.py: servers, generators of load, hostile bodies."""
