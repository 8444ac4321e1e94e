"""The trivial baseline of this task: what any learner has to beat."""
