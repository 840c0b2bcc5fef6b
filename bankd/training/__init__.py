"""Training is an action: snapshots of photos that clear for it, and the networks made from them."""
