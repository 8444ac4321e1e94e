"""`python -m icl_linking.scores FOLDER --learner NAME ...`; see `--help`."""

from __future__ import annotations

import sys

from icl_linking.scores.command import main

sys.exit(main())
