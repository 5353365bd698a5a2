"""The abstract interpreter: what programs could do, found by running them on sets of possible values."""
