"""Sign-offs: what policy leaves to people, the queue of it, and the facts that come of it."""
