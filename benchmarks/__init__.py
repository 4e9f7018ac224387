"""The benchmark: this service, others and the floor, loaded in turn on one machine; `python3 dev.py bench --help`."""
