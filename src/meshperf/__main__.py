"""`python -m meshperf` is the command `meshperf`."""

import sys

from meshperf.cli import main

sys.exit(main())
