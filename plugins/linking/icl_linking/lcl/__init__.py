"""The learner `lcl`: multimodal language models that are shown pictures with names."""
