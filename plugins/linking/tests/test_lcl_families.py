"""The learner `lcl` with more kinds of models: each answers as if nothing were reused."""

import sys
from pathlib import Path

import pytest
import torch
import transformers as hf

import icl_core as icl
from icl_core.registry import load_card
from icl_linking.lcl.card import CARD

sys.path.append(str(Path(__file__).parent))

from lcl_cases import LLAVA_TEMPLATE, QWEN_TEMPLATE, byte_tokenizer, context, pictures

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.2,
}
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>"
    "{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<start_of_image>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def named(tokenizer, eos, bos=None, **names):
    """The tokenizer with names for some of its special tokens, as some processors want them."""
    return type(tokenizer)(
        tokenizer_object=tokenizer._tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token=eos,
        bos_token=bos,
        additional_special_tokens=[],
        extra_special_tokens=names,
    )


def qwen(version):
    parts = ("vision_start", "vision_end", "image_pad", "video_pad")
    tokenizer = byte_tokenizer([*(f"<|{name}|>" for name in parts), "<|im_start|>"], "<|im_end|>")
    ids = [tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in parts]
    marks = dict(
        zip(
            ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id"),
            ids,
            strict=True,
        )
    )
    text = {"vocab_size": len(tokenizer), **SIZES}
    vision = {"depth": 2, "num_heads": 4, "spatial_merge_size": 2, "temporal_patch_size": 2}
    if version == 2:
        rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
        vision |= {"embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2, "patch_size": 14}
        config = hf.Qwen2VLConfig(
            text_config={**text, "rope_parameters": rope}, vision_config=vision, **marks
        )
        image = hf.Qwen2VLImageProcessor(min_pixels=784, max_pixels=3136)
        videos = hf.Qwen2VLVideoProcessor()
        processor = hf.Qwen2VLProcessor(image, tokenizer, videos, chat_template=QWEN_TEMPLATE)
        return hf.Qwen2VLForConditionalGeneration(config), processor
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 1e4}
    vision |= {
        "hidden_size": 32,
        "intermediate_size": 64,
        "patch_size": 16,
        "out_hidden_size": 32,
        "deepstack_visual_indexes": [0],
        "num_position_embeddings": 16,
    }
    text |= {"head_dim": 8, "rope_parameters": rope}
    config = hf.Qwen3VLConfig(text_config=text, vision_config=vision, **marks)
    image = hf.Qwen2VLImageProcessor(patch_size=16, min_pixels=1024, max_pixels=4096)
    videos = hf.Qwen3VLVideoProcessor()
    processor = hf.Qwen3VLProcessor(image, tokenizer, videos, chat_template=QWEN_TEMPLATE)
    return hf.Qwen3VLForConditionalGeneration(config), processor


def gemma():
    marks = {
        "image_token": "<image_soft_token>",
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
    }
    plain = byte_tokenizer([*marks.values(), "<start_of_turn>", "<end_of_turn>"], "<eos>", "<bos>")
    tokenizer = named(plain, "<eos>", "<bos>", **marks)
    config = hf.Gemma3Config(
        text_config=hf.Gemma3TextConfig(
            vocab_size=len(tokenizer),
            head_dim=8,
            sliding_window=64,
            query_pre_attn_scalar=8,
            layer_types=["sliding_attention", "full_attention"],
            **SIZES,
        ),
        vision_config=hf.SiglipVisionConfig(
            num_attention_heads=4, image_size=28, patch_size=7, **VISION
        ),
        mm_tokens_per_image=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image_soft_token>"),
        boi_token_index=tokenizer.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=tokenizer.convert_tokens_to_ids("<end_of_image>"),
    )
    image = hf.Gemma3ImageProcessor(size={"height": 28, "width": 28})
    processor = hf.Gemma3Processor(
        image, tokenizer, chat_template=GEMMA_TEMPLATE, image_seq_length=4
    )
    model = hf.Gemma3ForConditionalGeneration(config)
    # It starts at zero, where no picture is seen.
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight)
    return model, processor


def onevision():
    """Its processor cuts one picture alone into tiles, and not several."""
    grids = [[28, 56], [56, 28], [56, 56]]
    tokenizer = byte_tokenizer(["<image>", "<video>"], "<|im_end|>", "<s>")
    config = hf.LlavaOnevisionConfig(
        text_config=hf.Qwen2Config(vocab_size=len(tokenizer), **SIZES),
        vision_config=hf.SiglipVisionConfig(
            num_attention_heads=4, image_size=28, patch_size=7, **VISION
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=grids,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    image = hf.LlavaOnevisionImageProcessor(
        size={"height": 28, "width": 28}, image_grid_pinpoints=grids
    )
    processor = hf.LlavaOnevisionProcessor(
        image,
        tokenizer,
        hf.LlavaOnevisionVideoProcessor(),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=LLAVA_TEMPLATE,
    )
    return hf.LlavaOnevisionForConditionalGeneration(config), processor


FAMILIES = {
    "qwen2_vl": (lambda: qwen(2), True),
    "qwen3_vl": (lambda: qwen(3), True),
    # In a picture of Gemma tokens look at those that follow, and a second piece forgets it.
    "gemma3": (gemma, False),
    "llava_onevision": (onevision, False),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_are_those_without_reuse(name, tmp_path):
    build, cuttable = FAMILIES[name]
    torch.manual_seed(0)
    model, processor = build()
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    shown, queries = context(1), pictures(2, 60, 50, seed=3)
    found = []
    for reuse in (True, False):
        options = {"model": str(tmp_path), "reuse": reuse}
        learner = load_card(CARD, device="cpu", options=options)
        found.append(learner.prepare(shown).predict(queries))
    for one, other in zip(*found, strict=True):
        assert one.meta["context_reused"] == cuttable
        scores = [list(answer.meta["scores"].values()) for answer in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    grey = [(picture * 0 + 128, label) for picture, label in shown]
    assert icl.predict(learner, grey, queries[0]).meta["scores"] != found[1][0].meta["scores"]
