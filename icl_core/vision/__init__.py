"""What learners of pictures share: contexts of several objects, and tiles of large pictures."""
