"""`make mutation`: a change that tests notice is killed, one that they do not notice survives."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE, TESTS = "chalicelib/members/removal_limit.py", "tests/members/test_removal_limit.py"
TRY = """
import json, sys
from tools.mutation.trial import outcomes, warm

module, tests, *texts = sys.argv[1:]
warm(module, [tests])
print(json.dumps(sorted(outcomes(module, texts, [tests], most=20.0, jobs=2))))
"""


def test_what_becomes_of_a_change_and_the_file_stays_as_it_is() -> None:
    source = (ROOT / MODULE).read_text()
    texts = {
        source: "survived",
        source + "\nUNUSED = 1\n": "survived",
        source.replace("MIN_REMOVALS = 25", "MIN_REMOVALS = 26"): "killed",
        source + "\n1 / 0\n": "killed",
    }
    assert len(texts) == 4, "each is another one"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", TRY, MODULE, TESTS, *texts], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [[index, outcome] for index, outcome in enumerate(texts.values())]
    assert (ROOT / MODULE).read_text() == source
