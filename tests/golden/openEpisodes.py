"""Opens a file of episodes with the package sotopia (pip install sotopia==0.1.5) and prints what it has read as JSON:
    SOTOPIA_STORAGE_BACKEND=local python openEpisodes.py episodes.jsonl
Run by src/cli/episodes.models.test.ts."""

import importlib.metadata
import json
import sys

from sotopia.database.logs import EpisodeLog

with open(sys.argv[1], encoding="utf-8") as lines:
    episodes = [EpisodeLog.model_validate(json.loads(line)) for line in lines]
read = [
    {
        "agents": episode.agents,
        "environment": episode.environment,
        "rewards": episode.rewards,
        "turns": len(episode.messages),
        "said": episode.messages[1][0][2],
    }
    for episode in episodes
]
print(json.dumps({"version": importlib.metadata.version("sotopia"), "episodes": read}))
