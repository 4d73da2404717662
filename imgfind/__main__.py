"""``python -m imgfind`` is the command line."""

import sys

from imgfind.cli import main

sys.exit(main())
