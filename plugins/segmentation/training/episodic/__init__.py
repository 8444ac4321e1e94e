"""The parts of the trainer: episodes, augmentations, losses, schedules, and the two learners."""
