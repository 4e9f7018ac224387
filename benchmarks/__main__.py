"""`python3 dev.py bench`: start the servers, run the rounds, print and write the results."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn

from benchmarks import machine, report, sizes
from benchmarks.accounts import UnexpectedResponseError
from benchmarks.figures import Results
from benchmarks.load import LoadError
from benchmarks.options import MEMORY, Options, parse
from benchmarks.rounds import measure_growth, run_rounds
from benchmarks.servers import ALONE, GRANIAN, Server, ServerError, create_accounts, floor, seed, service
from devtools.installation import print_status

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL_PAGE = "page-small"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the benchmark. Return 1 if a load failed, so that figures are missing."""
    options = parse(sys.argv[1:])
    if options.sizes:
        sizes.main(os.environ["DATABASE_URL"])
        return 0
    if not shutil.which("wrk"):
        sys.exit("dev.py bench needs wrk, which is not installed: apt install wrk")
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    database = os.environ["DATABASE_URL"]
    load_before = os.getloadavg()[0]
    try:
        results = measure(database, options)
    except KeyboardInterrupt:
        sys.exit("dev.py bench was stopped; no results were written.")
    except (ServerError, UnexpectedResponseError) as error:
        sys.exit(f"dev.py bench failed: {error}")
    text = report.report(results, options, machine.facts(database, load_before))
    print(text)
    if options.output:
        from benchmarks import plot  # noqa: PLC0415 - only dev.py bench installs matplotlib

        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "RESULTS.md").write_text(text)
        plot.draw(results, options.output / "results.png")
    return 1 if results.failures else 0


def stop(*_: object) -> NoReturn:
    """Stop the benchmark and all its servers. Ignore further signals meanwhile."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def measure(database: str, options: Options) -> Results:
    """Run the rounds with all servers, of which one is loaded at a time. Then measure the growth of a worker."""
    results = Results()
    if options.only != (MEMORY,):
        with ExitStack() as stack:
            results = run_rounds(list(servers(stack, database, options)), options)
    if options.includes(MEMORY):
        with service(database, options.workers) as server:
            try:
                results.growth = measure_growth(server, options)
            except LoadError as error:
                results.failures.append(f"{MEMORY}: {error}")
    return results


def servers(stack: ExitStack, database: str, options: Options) -> Iterator[Server]:
    """Start the servers. The stack stops them."""
    print_status("starting the servers and creating their accounts and tasks")
    yield stack.enter_context(service(database, options.workers))
    yield stack.enter_context(service(database, options.workers, GRANIAN))
    yield stack.enter_context(floor(database, options.workers))
    if options.seed:
        yield stack.enter_context(seed(database, options.workers, options.seed))
    if options.includes(SMALL_PAGE):
        yield stack.enter_context(service(database, options.workers, ALONE))
    for name, url in options.peers:
        yield Server(name, url, create_accounts(url))


if __name__ == "__main__":
    sys.exit(main())
