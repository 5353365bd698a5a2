"""What programs were seen to do: traces of test runs, matched with definitions, kept, and written as triples."""
