"""Small models, tokenizers and pictures for the tests of `lcl`."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
FOLDER = GOLDEN / "link_context"

LLAVA_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] | upper }}: "
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>\n"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{{ eos_token if m['role'] == 'assistant' else '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT: {% endif %}"
)
QWEN_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nHelp.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
IDEFICS_TEMPLATE = (
    "<|im_start|>{% for m in messages %}{{ m['role'] | capitalize }}:"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


def golden(name):
    """The arrays or the JSON of a golden file of link-context learning."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip("the golden arrays (../shared/golden/link_context) are not here")
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    with np.load(path, allow_pickle=False) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def seeded(shapes, seed=0):
    """Stand-in weights of the golden arrays, from names and shapes."""
    path = GOLDEN / "seeded_weights.py"
    if not path.is_file():
        pytest.skip("the golden arrays (../shared/golden) are not here")
    spec = importlib.util.spec_from_file_location("seeded_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.seeded_state_dict(shapes, seed)
    return {name: tensor.reshape(tuple(shapes[name])) for name, tensor in found.items()}


def golden_model(kind, stored):
    """The tiny model of a golden case, with stand-in weights."""
    import transformers as hf

    config = stored["config"]
    text = {k: v for k, v in config["text"].items() if k != "model"}
    vision = {k: v for k, v in config["vision"].items() if k != "model"}
    if kind == "llava":
        full = hf.LlavaConfig(
            text_config=hf.LlamaConfig(**text),
            vision_config=hf.CLIPVisionConfig(**vision),
            image_token_index=101,
            vision_feature_layer=config["vision_feature_layer"],
            vision_feature_select_strategy=config["vision_feature_select_strategy"],
        )
        model = hf.LlavaForConditionalGeneration(full)
    elif kind == "idefics3":
        full = hf.Idefics3Config(
            text_config=hf.LlamaConfig(**text),
            vision_config=vision,
            scale_factor=config["scale_factor"],
            image_token_id=101,
            pad_token_id=0,
        )
        model = hf.Idefics3ForConditionalGeneration(full)
    else:
        full = hf.Qwen2_5_VLConfig(text_config=text, vision_config=vision, image_token_id=101)
        model = hf.Qwen2_5_VLForConditionalGeneration(full)
    model.load_state_dict(seeded(stored["state_dict"]))
    return model.eval()


def byte_tokenizer(special, eos, bos=None):
    """A tokenizer with one token a byte, and special ones."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(["<unk>", *letters])}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    more = {"bos_token": bos} if bos else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token=eos,
        additional_special_tokens=special,
        **more,
    )


def write_model(kind, folder, seed=0):
    """Write a tiny random model with its processor; returns the folder."""
    import transformers as hf

    torch.manual_seed(seed)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "initializer_range": 0.2,
    }
    if kind == "llava":
        tokenizer = byte_tokenizer(["<image>"], "</s>", "<s>")
        image = hf.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=28)
        processor = hf.LlavaProcessor(
            image,
            tokenizer,
            patch_size=14,
            vision_feature_select_strategy="default",
            chat_template=LLAVA_TEMPLATE,
            num_additional_image_tokens=1,
        )
        vision = hf.CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=28,
            patch_size=14,
            projection_dim=16,
            initializer_range=0.2,
        )
        config = hf.LlavaConfig(
            text_config=hf.LlamaConfig(vocab_size=len(tokenizer), **sizes),
            vision_config=vision,
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            vision_feature_layer=-1,
            vision_feature_select_strategy="default",
        )
        model = hf.LlavaForConditionalGeneration(config)
    elif kind == "idefics3":
        marks = ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
        tokenizer = byte_tokenizer([*marks, "<|im_start|>"], "<|im_end|>")
        image = hf.Idefics3ImageProcessor(
            size={"longest_edge": 28}, max_image_size={"longest_edge": 28}, do_image_splitting=False
        )
        processor = hf.Idefics3Processor(
            image, tokenizer, image_seq_len=4, chat_template=IDEFICS_TEMPLATE
        )
        vision = {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 28,
            "patch_size": 7,
            "initializer_range": 0.2,
        }
        config = hf.Idefics3Config(
            text_config=hf.LlamaConfig(vocab_size=len(tokenizer), **sizes),
            vision_config=vision,
            scale_factor=2,
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
            pad_token_id=tokenizer.pad_token_id,
        )
        model = hf.Idefics3ForConditionalGeneration(config)
    else:
        marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
        tokenizer = byte_tokenizer([*marks, "<|im_start|>"], "<|im_end|>")
        image = hf.Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=56 * 56)
        processor = hf.Qwen2_5_VLProcessor(
            image, tokenizer, hf.Qwen2VLVideoProcessor(), chat_template=QWEN_TEMPLATE
        )
        ids = {
            name: tokenizer.convert_tokens_to_ids(f"<|{name}|>")
            for name in ("vision_start", "vision_end", "image_pad", "video_pad")
        }
        rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
        config = hf.Qwen2_5_VLConfig(
            text_config={"vocab_size": len(tokenizer), "rope_parameters": rope, **sizes},
            vision_config={
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_heads": 4,
                "patch_size": 14,
                "spatial_merge_size": 2,
                "temporal_patch_size": 2,
                "window_size": 56,
                "out_hidden_size": 32,
                "fullatt_block_indexes": [1],
                "initializer_range": 0.2,
            },
            image_token_id=ids["image_pad"],
            video_token_id=ids["video_pad"],
            vision_start_token_id=ids["vision_start"],
            vision_end_token_id=ids["vision_end"],
        )
        model = hf.Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return Path(folder)


def pictures(count, height=40, width=40, seed=0):
    """Pictures of noise with a patch of one colour, no two alike."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        picture = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        picture[8 : height - 8, 8 : width - 8] = rng.integers(0, 255, 3, dtype=np.uint8)
        found.append(picture)
    return found


def context(shots=2, labels=("cactihog", "hedgehog"), seed=1):
    """Examples of two classes in turn."""
    shown = pictures(shots * len(labels), seed=seed)
    return [(picture, labels[number % len(labels)]) for number, picture in enumerate(shown)]


def llama_pieces():
    """A vocabulary as LLaMA has it, small: special tokens, bytes, letters, some pairs."""
    letters = [chr(code) for code in range(33, 127)]
    words = ["▁t", "he", "▁the", "▁U", "SE", "▁▁", "re", "▁i", "ma", "ge"]
    return ["<unk>", "<s>", "</s>", *[f"<0x{n:02X}>" for n in range(256)], "▁", *letters, *words]


def write_mllm(folder, parts=2, seed=0):
    """Write a tiny checkpoint in the layout of the release; returns its folder and CLIP's file."""
    from tokenizers import Tokenizer, models

    folder = Path(folder)
    folder.mkdir()
    pieces = llama_pieces()
    pairs = [
        ("▁", "t"),
        ("h", "e"),
        ("▁t", "he"),
        ("▁", "U"),
        ("S", "E"),
        ("▁", "▁"),
        ("r", "e"),
        ("▁", "i"),
        ("m", "a"),
        ("g", "e"),
    ]
    inner = models.BPE(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=pairs,
        unk_token="<unk>",
        byte_fallback=True,
        fuse_unk=True,
    )
    Tokenizer(inner).save(str(folder / "tokenizer.json"))
    vocabulary, width, vision = len(pieces) + 3, 32, 64
    language = {"model.embed_tokens.weight": (vocabulary, width)}
    for number in range(2):
        start = f"model.layers.{number}."
        for name in "qkvo":
            language[f"{start}self_attn.{name}_proj.weight"] = (width, width)
        language[f"{start}self_attn.rotary_emb.inv_freq"] = (4,)
        language[f"{start}mlp.gate_proj.weight"] = (48, width)
        language[f"{start}mlp.up_proj.weight"] = (48, width)
        language[f"{start}mlp.down_proj.weight"] = (width, 48)
        language[f"{start}input_layernorm.weight"] = (width,)
        language[f"{start}post_attention_layernorm.weight"] = (width,)
    language |= {
        "model.norm.weight": (width,),
        "model.mm_projector.weight": (width, vision),
        "model.mm_projector.bias": (width,),
        "lm_head.weight": (vocabulary, width),
    }
    tensors = random_tensors(language, seed)
    names = sorted(tensors)
    weight_map = {}
    for part in range(parts):
        file = f"pytorch_model-{part + 1:05d}-of-{parts:05d}.bin"
        own = names[part::parts]
        torch.save({name: tensors[name] for name in own}, folder / file)
        weight_map |= dict.fromkeys(own, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    stored = {
        "num_attention_heads": 4,
        "rms_norm_eps": 1e-6,
        "bos_token_id": 0,
        "mm_hidden_size": 64,
    }
    (folder / "config.json").write_text(json.dumps(stored))
    tower = {
        "embeddings.class_embedding": (vision,),
        "embeddings.patch_embedding.weight": (vision, 3, 14, 14),
        "embeddings.position_embedding.weight": (5, vision),
        "post_layernorm.weight": (vision,),
        "post_layernorm.bias": (vision,),
    }
    norms = ["pre_layrnorm"]
    for number in range(2):
        start = f"encoder.layers.{number}."
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            tower[f"{start}self_attn.{name}.weight"] = (vision, vision)
            tower[f"{start}self_attn.{name}.bias"] = (vision,)
        norms += [f"{start}layer_norm1", f"{start}layer_norm2"]
        tower[f"{start}mlp.fc1.weight"], tower[f"{start}mlp.fc1.bias"] = (96, vision), (96,)
        tower[f"{start}mlp.fc2.weight"], tower[f"{start}mlp.fc2.bias"] = (vision, 96), (vision,)
    for name in norms:
        tower[f"{name}.weight"], tower[f"{name}.bias"] = (vision,), (vision,)
    clip = {f"vision_model.{n}": t for n, t in random_tensors(tower, seed + 1).items()}
    clip["vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    clip["logit_scale"] = torch.tensor(1.0)
    torch.save(clip, folder.parent / f"{folder.name}_clip.pt")
    return folder, folder.parent / f"{folder.name}_clip.pt"


def random_tensors(shapes, seed):
    """Random weights of a size that keeps activations finite."""
    draw = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=draw)
        if len(shape) > 1:
            found[name] = noise * 1.5 / max(1, int(np.prod(shape[1:]))) ** 0.5
        else:
            found[name] = 1 + 0.1 * noise if name.endswith("weight") else 0.1 * noise
    return found
