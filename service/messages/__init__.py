"""What customers are told: the words, one folder per language, and the code that fills them in."""
