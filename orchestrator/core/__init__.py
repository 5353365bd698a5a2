"""The words and rules of the product: states, capabilities, routing, events, errors. No I/O and no framework."""
