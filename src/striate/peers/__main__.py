"""``python -m striate.peers JOB``: does one job in this process and prints what it found."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

from striate.peers.case import Case
from striate.peers.catalogue import LIBRARIES
from striate.peers.job import read_job
from striate.peers.layer_session import measure_layer
from striate.peers.session import measure


def main() -> None:
    """Keep to as many processors as there are threads, then measure."""
    job = read_job(sys.argv[1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.threads])
    module = import_module(f"striate.peers.{LIBRARIES[job.library].module}")
    if job.layer:
        found = measure_layer(job, module.passes, module.VERSION)
    else:
        found = measure(Case(job), module.session)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
