"""`python -m kerasface` is the command `kerasface`."""

import sys

from kerasface.apps.main import main

if __name__ == "__main__":
    sys.exit(main())
