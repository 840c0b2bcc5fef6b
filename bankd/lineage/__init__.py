"""What was made of what: a graph to walk, as PROV-JSON, and as a drawing."""
