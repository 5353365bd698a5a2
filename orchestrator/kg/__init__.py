"""Source code to facts, facts to triples, triples to a store, and SPARQL over it."""
