"""The learner `encoder`: a frozen image encoder and a few-shot head."""
