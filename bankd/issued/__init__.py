"""Reports that were issued: kept byte for byte where they can be erased, their digests in the log."""
