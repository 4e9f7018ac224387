"""The garbage collector of a worker process."""

import gc


def freeze_loaded_objects() -> None:
    """Exclude the objects of the loaded application from garbage collection.

    There are 140,000 of them. A full collection takes 100 ms, in which no thread runs, and the default threshold of 700
    new objects is reached by a few task lists.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, *gc.get_threshold()[1:])
