"""Language models that forecast from a history and a text, and read texts for others."""
