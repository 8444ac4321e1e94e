"""LLaMA's tokenizer with the three tokens around pictures, as the released code used it.

The released models were trained with transformers' slow tokenizer of its time: a text is cut at
special tokens, white space beside the picture tokens is dropped, and each piece is given to
SentencePiece, which sets a space before it. Later tokenizers differ in both, so it is done here;
the pieces go to `sentencepiece`, or to `tokenizers` where the folder has a `tokenizer.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from icl_core import InputError, MissingExtraError, WeightsError
from icl_linking.lcl.mllm.prompts import CLOSE, END, PATCH, START
from icl_linking.lcl.mllm.reading import PictureTokens

LONGEST = 2048
"""Tokens of a segment; what is longer is cut, as in the released code."""

BEGIN, STOP = 1, 2
_LARGEST = 64 << 20
_CUT = re.compile("|".join(map(re.escape, (START, PATCH, END, CLOSE))))

Pieces = Callable[[str], list[int]]
"""From a piece of text to its ids, a space set before it."""


class LlamaTokenizer:
    """From segments to ids, and back.

    Args:
        pieces: the ids of a piece of text.
        words: the text of ids.
        pictures: ids of the tokens around pictures.
    """

    def __init__(
        self, pieces: Pieces, words: Callable[[list[int]], str], pictures: PictureTokens
    ) -> None:
        self._pieces = pieces
        self._words = words
        self.pictures = pictures
        self._special = {
            START: pictures.start,
            PATCH: pictures.patch,
            END: pictures.end,
            CLOSE: STOP,
        }

    def segment(self, text: str) -> list[int]:
        """Return the ids of a segment, `<s>` first; at most `LONGEST`."""
        found, start, before = [BEGIN], 0, ""
        for cut in [*_CUT.finditer(text), None]:
            end = len(text) if cut is None else cut.start()
            after = "" if cut is None else cut.group()
            piece = text[start:end]
            if before not in ("", CLOSE):
                piece = piece.lstrip()
            if after not in ("", CLOSE):
                piece = piece.rstrip()
            if piece:
                found += self._pieces(piece)
            if cut is not None:
                found.append(self._special[after])
                start, before = cut.end(), after
        return found[:LONGEST]

    def answer(self, segment: str, answer: str) -> list[int]:
        """Return the ids of an answer where it follows a segment."""
        head, whole = self.segment(segment), self.segment(segment + answer)
        if whole[: len(head)] == head and len(whole) > len(head):
            return whole[len(head) :]
        return self.segment(answer)[1:]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids without special tokens."""
        special = {BEGIN, STOP, 0, *self._special.values()}
        return self._words([one for one in ids if one not in special]).strip()


def read_tokenizer(folder: Path, vocabulary: int) -> LlamaTokenizer:
    """Read the tokenizer beside a checkpoint.

    Args:
        folder: with `tokenizer.model`, or with `tokenizer.json`.
        vocabulary: tokens the network knows; the last three are those around pictures, unless
            `added_tokens.json` says otherwise.

    Raises:
        WeightsError: there is none, or it is broken.
        MissingExtraError: the library that reads it is missing.
    """
    pictures = _picture_tokens(folder, vocabulary)
    model, fast = folder / "tokenizer.model", folder / "tokenizer.json"
    if model.is_file() and (not fast.is_file() or _has_sentencepiece()):
        pieces, words = _sentencepiece(model)
    elif fast.is_file():
        pieces, words = _tokenizers(fast)
    else:
        raise WeightsError(
            f"{folder} has no tokenizer.model and no tokenizer.json, expected LLaMA's tokenizer "
            "beside the weights"
        )
    return LlamaTokenizer(pieces, words, pictures)


def _picture_tokens(folder: Path, vocabulary: int) -> PictureTokens:
    file = folder / "added_tokens.json"
    added: Any = {}
    if file.is_file() and file.stat().st_size < 1 << 20:
        try:
            added = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise WeightsError(f"{file} is not JSON: {error}") from error
    found = []
    for name, default in ((PATCH, 3), (START, 2), (END, 1)):
        token = added.get(name, vocabulary - default) if isinstance(added, dict) else None
        if not isinstance(token, int) or not 0 <= token < vocabulary:
            raise WeightsError(f"{file} gives {name} the id {token!r}, expected one of the network")
        found.append(token)
    return PictureTokens(*found)


def _has_sentencepiece() -> bool:
    from importlib.util import find_spec

    return find_spec("sentencepiece") is not None


def _sentencepiece(file: Path) -> tuple[Pieces, Callable[[list[int]], str]]:
    try:
        import sentencepiece  # type: ignore[import-not-found, unused-ignore]
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{file} is read with sentencepiece, which is not installed",
            "pip install 'icl-linking[llm]'",
        ) from error
    _small(file)
    library: Any = sentencepiece
    try:
        processor = library.SentencePieceProcessor(model_file=str(file))
    except (RuntimeError, OSError) as error:
        raise WeightsError(f"{file} is no SentencePiece model: {error}") from error

    def pieces(text: str) -> list[int]:
        return list(processor.encode(text))

    def words(ids: list[int]) -> str:
        return str(processor.decode([one for one in ids if one < processor.vocab_size()]))

    return pieces, words


def _tokenizers(file: Path) -> tuple[Pieces, Callable[[list[int]], str]]:
    try:
        from tokenizers import Tokenizer, decoders, normalizers
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{file} is read with tokenizers, which is not installed",
            "pip install 'icl-linking[llm]'",
        ) from error
    _small(file)
    try:
        model = Tokenizer.from_file(str(file)).model
    except Exception as error:  # the library raises plain exceptions
        raise WeightsError(f"{file} is no tokenizer: {error}") from error
    # As SentencePiece: always a space before a piece, also where it has one.
    inner: Any = Tokenizer(model)
    inner.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )

    def pieces(text: str) -> list[int]:
        return list(inner.encode(text, add_special_tokens=False).ids)

    def words(ids: list[int]) -> str:
        return str(inner.decode(ids, skip_special_tokens=False))

    return pieces, words


def _small(file: Path) -> None:
    if file.stat().st_size > _LARGEST:
        raise WeightsError(f"{file} has {file.stat().st_size} bytes, which is no tokenizer")


def check_label(label: str) -> None:
    """Refuse a label that would be read as a token of its own.

    Raises:
        InputError: it holds one.
    """
    for mark in (START, PATCH, END, CLOSE, "<s>", "<image>"):
        if mark in label:
            raise InputError(f"the label {label!r:.80} holds {mark!r}, a word of the model itself")
