"""`python -m icl_forecasting.scores DATA_DIR --learner NAME ...`; see `--help`."""

from __future__ import annotations

import sys

from icl_forecasting.scores.command import main

sys.exit(main())
