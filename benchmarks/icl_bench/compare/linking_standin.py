"""A random multimodal model, and pictures, for timing what a learner does around a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.errors import MissingExtraError

LABELS = ("zorplax", "mivvet", "trundle", "quillop", "brenna", "folsk", "yarrin", "opalux")
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] | upper }}: "
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>\n"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{{ eos_token if m['role'] == 'assistant' else '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT: {% endif %}"
)


@dataclass(frozen=True)
class Size:
    """Of the random model, which is of the kind LLaVA.

    Args:
        width: of the language model.
        hidden: of its middle layers.
        depth: its layers.
        heads: its attention heads.
        vision_width: of the picture encoder.
        vision_depth: its layers.
        side: of a picture, in pixels; a patch is 14 wide.
    """

    width: int = 256
    hidden: int = 688
    depth: int = 6
    heads: int = 8
    vision_width: int = 128
    vision_depth: int = 4
    side: int = 112

    @property
    def tokens(self) -> int:
        """Tokens of a picture."""
        return int((self.side // 14) ** 2)


SIZES = {
    "tiny": Size(width=32, hidden=64, depth=2, heads=4, vision_width=32, vision_depth=1, side=28),
    "small": Size(),
    "medium": Size(512, 1376, 8, 8, 256, 6, 168),
}


def need_transformers() -> None:
    """Refuse to go on without the library of the models.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_spec("transformers") is None:
        raise MissingExtraError(
            "multimodal models need transformers, which is not installed",
            "pip install 'icl-linking[llm]'",
        )


def write_model(folder: Path, size: Size) -> Path:
    """Write a random model with a tokenizer of one token a byte, the same each time."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = ["<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bpe = models.BPE(
        vocab={letter: n for n, letter in enumerate(letters)}, merges=[], unk_token="<unk>"
    )
    hf: Any = transformers
    inner: Any = Tokenizer(bpe)
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<image>"],
    )
    processor = hf.LlavaProcessor(
        hf.CLIPImageProcessor(size={"shortest_edge": size.side}, crop_size=size.side),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )
    config = hf.LlavaConfig(
        text_config=hf.LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.width,
            intermediate_size=size.hidden,
            num_hidden_layers=size.depth,
            num_attention_heads=size.heads,
            max_position_embeddings=16384,
            initializer_range=0.1,
        ),
        vision_config=hf.CLIPVisionConfig(
            hidden_size=size.vision_width,
            intermediate_size=4 * size.vision_width,
            num_hidden_layers=size.vision_depth,
            num_attention_heads=4,
            image_size=size.side,
            patch_size=14,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = hf.LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    with _without_bars(hf):
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    return folder


@contextmanager
def _without_bars(transformers: Any) -> Iterator[None]:
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()


def write_pictures(folder: Path, count: int, side: int) -> Path:
    """Write random pictures uint8 [N, side, side, 3], no two alike."""
    path = folder / "pictures.npy"
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)
    factor = -(-side // 8)
    np.save(path, coarse.repeat(factor, axis=1).repeat(factor, axis=2)[:, :side, :side])
    return path
