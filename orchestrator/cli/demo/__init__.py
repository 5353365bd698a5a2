"""``demo``: the main job on a repository, as a client of the public API sees it; ``run.py`` has its order."""
