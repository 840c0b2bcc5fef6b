"""What the bank can do, in figures: `make bench`, or `python -m tools.bench --only NAME --segments N`.

A module of rows offers `options(parser)`, which adds the sizes it takes, and `rows(chosen, scratch)`, which
yields a `Row` as soon as it is measured; `MODULES` names it. Whatever is compared is measured in the same
run, turn about. Nothing here gates anything by time.
"""

MODULES = (
    "retrieval", "index", "threshold", "policy", "lineage", "exposure", "withdrawal", "governance",
    "ingestion", "likeness", "log", "reports", "files", "auditing", "identify", "period", "usage",
)  # fmt: skip
