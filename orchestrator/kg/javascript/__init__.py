"""JavaScript and TypeScript: from source to facts, and from facts to links."""
