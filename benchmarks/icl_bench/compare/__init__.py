"""Our learners beside the official code: same weights, same input, same machine, same threads."""
