"""Nine languages by one extractor and one linker: each is a small file of declarations on top of its grammar."""
