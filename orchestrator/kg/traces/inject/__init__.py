"""Files put on the path of programs under test: the standard library only, any Python from 3.8, no import of ours."""
