"""What the bundled encoder is trained on, and how."""
