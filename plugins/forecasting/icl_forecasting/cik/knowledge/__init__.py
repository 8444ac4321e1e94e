"""How quantities and calendars behave, keyed by concepts, never by a data set."""
