"""Work on what is stored or shipped, without a running service: migrations, keys, the OpenAPI document."""
