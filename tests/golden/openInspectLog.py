"""Opens a log by inspect_ai itself and prints what it read, for src/cli/exports.models.test.ts: openInspectLog.py LOG"""

import json
import math
import sys
from importlib.metadata import version

from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries

log = read_eval_log(sys.argv[1])
samples = log.samples or []
unscored = {
    sample.id: score.reason
    for sample in samples
    for score in (sample.scores or {}).values()
    if isinstance(score.value, float) and math.isnan(score.value)
}
print(
    json.dumps(
        {
            "version": version("inspect_ai"),
            "status": log.status,
            "samples": len(samples),
            "summaries": len(read_eval_log_sample_summaries(sys.argv[1])),
            "unscored": unscored,
            "trusted": log.eval.viewer.trust_content if log.eval.viewer else None,
            "scores": [score.name for score in (log.results.scores if log.results else [])],
        }
    )
)
