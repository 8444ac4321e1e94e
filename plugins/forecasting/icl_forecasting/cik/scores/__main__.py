"""`python -m icl_forecasting.cik.scores FILE --learner NAME ...`; see `--help`."""

from __future__ import annotations

import sys

from icl_forecasting.cik.scores.command import main

sys.exit(main())
