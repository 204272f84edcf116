"""Runs jobs of the code location in this process, on the instance `DAGSTER_HOME` names.

    python -m demo.jobs retrain_job
    python -m demo.jobs tenant_report_job '2026-11-20|acme' '2026-11-20|globex'

A process of its own, because Dagster and the service must not need each other's memory; one process for several
partitions, because loading the code location takes longer than a report.
"""

import sys
from collections.abc import Sequence

import dagster as dg

from demo.progress import MARK


def main(arguments: Sequence[str]) -> int:
    """Run a job once, or once for each partition key; 1 when a run failed, after all of them."""
    from mapper_assets.definitions import defs
    from mapper_assets.partitions import TENANTS, parse_key

    name, *partitions = arguments
    instance = dg.DagsterInstance.get()
    job = defs.resolve_job_def(name)
    failed = []
    for partition in (*partitions,) or (None,):
        if partition is not None:
            print(f"{MARK}{partition}", flush=True)
            instance.add_dynamic_partitions(str(TENANTS.name), [parse_key(partition).tenant])
        result = job.execute_in_process(instance=instance, partition_key=partition, raise_on_error=False)
        if not result.success:
            failed.append(partition or name)
    if failed:
        sys.stderr.write(f"Failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
