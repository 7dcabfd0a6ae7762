"""A package of a team: what it would install in its environment."""
