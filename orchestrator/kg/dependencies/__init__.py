"""What manifests and lock files say a project depends on."""
