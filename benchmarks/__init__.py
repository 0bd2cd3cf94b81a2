"""One script per published figure; each writes its numbers to ``results/``."""
