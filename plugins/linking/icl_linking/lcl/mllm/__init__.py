"""The published LCL-MLLM: CLIP ViT-L/14, a linear map and LLaMA, in the layout of Shikra."""
