"""Episode sources of forecasting: series with covariates, the same for a seed everywhere.

```python
from icl_core import catalogue

source = catalogue.resolve("icl_episode_sources", "births-calendar")
episodes = source("data/timeseries", episodes=20, seed=0)
```
"""

from __future__ import annotations

from collections.abc import Mapping

_HERE = __name__

SOURCES: Mapping[str, str] = {
    "ett-oil": f"{_HERE}.covariates:ett_oil",
    "ett-together": f"{_HERE}.covariates:ett_together",
    "births-calendar": f"{_HERE}.covariates:births_calendar",
}
"""Source name -> "module:callable", as the hook `icl_episode_sources` returns it."""
