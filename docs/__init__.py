"""What is written about the house, and what draws the pages that come out of the code."""
