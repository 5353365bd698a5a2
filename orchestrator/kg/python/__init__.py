"""Python: facts out of one file, and links between the files of a tree."""
