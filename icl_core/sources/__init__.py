"""What sources of episodes share: lazy lists, seeded draws, checked folders, packed folders."""
