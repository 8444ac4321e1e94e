"""Where the files of SAM 1 and SAM 2 are: released ones are downloaded once."""

from __future__ import annotations

from pathlib import Path

from icl_core import LearnerCard, Task, WeightCard
from icl_core.errors import InputError
from icl_core.weights import ResolvedWeights, resolve_weights

_SAM1 = "https://dl.fbaipublicfiles.com/segment_anything/"
_SAM2 = "https://dl.fbaipublicfiles.com/segment_anything_2/"


def _card(name: str, url: str, size: int | None = None, sha256: str | None = None) -> WeightCard:
    paper = "2304.02643" if url.startswith(_SAM1) else "2408.00714"
    source = f"Meta AI, arXiv {paper}"
    file = url.rpartition("/")[2]
    return WeightCard(name, file, size, sha256, url, licence="Apache-2.0", source=source)


_HIERA = {"t": "tiny", "s": "small", "b+": "base_plus", "l": "large"}
_SHA = {
    "t": "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
    "s": "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
    "b+": "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
    "l": "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
}

SAM_FILES = (
    _card(
        "vit_b",
        _SAM1 + "sam_vit_b_01ec64.pth",
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    _card(
        "vit_l",
        _SAM1 + "sam_vit_l_0b3195.pth",
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    _card(
        "vit_h",
        _SAM1 + "sam_vit_h_4b8939.pth",
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
    *(
        _card(
            f"sam2.1_hiera_{short}",
            f"{_SAM2}092824/sam2.1_hiera_{long}.pt",
            sha256=_SHA[short],
        )
        for short, long in _HIERA.items()
    ),
    *(
        _card(f"sam2_hiera_{short}", f"{_SAM2}072824/sam2_hiera_{long}.pt")
        for short, long in _HIERA.items()
    ),
)
"""The released files, each named by its `sam_type`."""

SAM_NAMES = tuple(card.name for card in SAM_FILES)


def sam_file(weights: str | Path | None, sam_type: str | None) -> ResolvedWeights:
    """Find a file of SAM.

    Args:
        weights: a file, a folder with one, `hf:owner/name/path`, or one of `SAM_NAMES`; None =
            the released file of `sam_type`.
        sam_type: one of `SAM_NAMES`; None = whatever the file holds.

    Raises:
        InputError: neither is given, or there is no such type.
        WeightsError: the file is missing or cannot be fetched.
        OfflineError: it would have to be fetched and the network is switched off.
    """
    if sam_type is not None and sam_type not in SAM_NAMES:
        raise InputError(f"sam_type is {sam_type!r}, expected one of {', '.join(SAM_NAMES)}")
    if weights is None and sam_type is None:
        raise InputError(
            "neither sam_weights nor sam_type is given", hint="sam_type='vit_b' is the smallest"
        )
    card = LearnerCard("sam", Task.SEGMENTATION, "Segment Anything", "sam:Sam", weights=SAM_FILES)
    found = resolve_weights(card, weights if weights is not None else sam_type)
    assert found is not None  # the card has weights
    return found
