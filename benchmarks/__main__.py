"""`python3 dev.py bench`: starts the servers, plays the rounds, says and writes the results."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn

from benchmarks import machine, report
from benchmarks.figures import Results
from benchmarks.load import LoadError
from benchmarks.options import MEMORY, Options, parse
from benchmarks.people import UnexpectedAnswerError
from benchmarks.rounds import play, watch_memory
from benchmarks.servers import ALONE, Server, ServerError, floor, seed, service, settle
from devtools.installation import say

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL_PAGE = "page-small"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NO_WRK = "dev.py bench loads the servers with wrk, which is not there: apt install wrk"


def main() -> int:
    """Measure; 1 where a run failed, so that some figures are not there."""
    options = parse(sys.argv[1:])
    if not shutil.which("wrk"):
        sys.exit(NO_WRK)
    for ending in ENDINGS:
        signal.signal(ending, stop)
    database = os.environ["DATABASE_URL"]
    try:
        results = measure(database, options)
    except KeyboardInterrupt:
        sys.exit("dev.py bench was stopped; nothing is written.")
    except (ServerError, UnexpectedAnswerError) as error:
        sys.exit(f"dev.py bench cannot measure: {error}")
    text = report.report(results, options, machine.facts(database))
    print(text)
    if options.output:
        from benchmarks import plot  # noqa: PLC0415 - what it draws with is installed by dev.py bench alone

        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "RESULTS.md").write_text(text)
        plot.draw(results, options.output / "results.png")
    return 1 if results.failures else 0


def stop(*_: object) -> NoReturn:
    """End in order, and with it every server that was started; once is enough."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


def measure(database: str, options: Options) -> Results:
    """Play the rounds with all servers at once, each idle while another one is loaded; then look at memory."""
    results = Results()
    if options.only != (MEMORY,):
        with ExitStack() as stack:
            results = play(list(servers(stack, database, options)), options)
    if options.wants(MEMORY):
        with service(database, options.workers) as server:
            try:
                results.growth = watch_memory(server, options)
            except LoadError as error:
                results.failures.append(f"{MEMORY}: {error}")
    return results


def servers(stack: ExitStack, database: str, options: Options) -> Iterator[Server]:
    """Start whoever takes part, until the stack is closed."""
    say("starting the servers, and filling their databases")
    yield stack.enter_context(service(database, options.workers))
    yield stack.enter_context(floor(database, options.workers))
    if options.seed:
        yield stack.enter_context(seed(database, options.workers, options.seed))
    if options.wants(SMALL_PAGE):
        yield stack.enter_context(service(database, options.workers, ALONE))
    for name, url in options.peers:
        yield Server(name, url, settle(url))


if __name__ == "__main__":
    sys.exit(main())
