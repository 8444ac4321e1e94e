"""Draw the pictures of the documentation: `python docs/make_pictures.py [--weights W]`.

The forecast is made with the weights that come with the plugin, so that the picture shows what
everybody gets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import icl_core as icl
from icl_core.results.save import atomic_path
from icl_forecasting.demo import SERIES, held_out

FOLDER = Path(__file__).parent / "images"


def forecast_picture(weights: str, path: Path) -> None:
    """Draw the forecast of the first series of the demo over what really came."""
    import matplotlib

    shown = SERIES[0]
    history, truth = held_out(shown)
    forecast = icl.predict("tirex", history, shown.horizon, weights=weights)
    # Fixed names inside the file: the same weights draw the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "icl", "svg.fonttype": "path"}):
        figure = forecast.plot(title=shown.title, truth=truth)
        with atomic_path(path, overwrite=True) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="bundled", help="what to forecast with")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    forecast_picture(options.weights, FOLDER / "forecast.svg")
    print(FOLDER / "forecast.svg")


if __name__ == "__main__":
    main()
