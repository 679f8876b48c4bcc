"""Run by test_recipes_on_devices.py, on JAX: `FOLDER`, or `FOLDER HOST PORT` of one of two hosts.

Classification of `recipes.knowledge_transfer` in little: a teacher, a student of labels, and one
that goes on from it with the teacher's kept answers; then what was measured.
"""

import json
import sys

from recipes.knowledge_transfer import classification


def main(folder, host=None, port=None):
    words = ["--smoke", "--runs", folder]
    if host is not None:
        words += ["--hosts", "2", "--host", host, "--coordinator", f"127.0.0.1:{port}"]
    print(json.dumps(classification.main(words)))


if __name__ == "__main__":
    main(*sys.argv[1:])
