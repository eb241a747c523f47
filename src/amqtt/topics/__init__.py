"""Floor 2: Topic Names, Topic Filters, and who matches."""
