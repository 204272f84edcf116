"""The model runtime evaluation and serving share: label trie, one-pass scorer, sentence encoder."""
