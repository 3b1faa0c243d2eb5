"""`python -m tunelab` is the command line."""

import sys

from tunelab.cli.main import main

sys.exit(main())
